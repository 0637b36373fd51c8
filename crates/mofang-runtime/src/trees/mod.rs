//! Gradient-boosted trees, on the processor.

use mofang_data::DataError;
use mofang_trees::{ARCHITECTURE, Ensemble};
use mofang_types::{ENSEMBLE_FILE, ModelInput, ModelSignature, Package, PackageManifest, Tensor};

use crate::{LoadedModel, Runtime, RuntimeError, RuntimeSettings};

/// Gradient-boosted trees, on the processor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trees;

impl Runtime for Trees {
    fn name(&self) -> &'static str {
        "trees"
    }

    fn summary(&self) -> &'static str {
        "gradient-boosted trees on rows of a table, on the processor"
    }

    fn accepts(&self, manifest: &PackageManifest) -> bool {
        manifest.architecture.name == ARCHITECTURE
    }

    fn load(
        &self,
        package: &Package,
        _: &RuntimeSettings,
    ) -> Result<Box<dyn LoadedModel>, RuntimeError> {
        let bytes = package
            .files
            .get(ENSEMBLE_FILE)
            .ok_or_else(|| RuntimeError::Unloadable {
                part: ENSEMBLE_FILE,
                reason: "it is missing".to_owned(),
            })?;
        let ensemble = Ensemble::from_bytes(bytes)
            .map_err(|error| RuntimeError::unloadable(ENSEMBLE_FILE)(&error))?;
        check_agreement(&package.manifest, &ensemble)?;
        Ok(Box::new(TreesModel {
            signature: package.manifest.signature.clone(),
            ensemble,
        }))
    }
}

/// That the trees are those of the signature.
fn check_agreement(manifest: &PackageManifest, ensemble: &Ensemble) -> Result<(), RuntimeError> {
    let refused = |reason: &str| {
        Err(RuntimeError::Unloadable {
            part: "signature",
            reason: reason.to_owned(),
        })
    };
    let Some(input @ ModelInput::Row { .. }) = manifest.model_input() else {
        return refused("trees take rows of a table");
    };
    if manifest.signature != ModelSignature::of(&input, manifest.task, ensemble.outputs()) {
        return refused("it is not that of its task and trees");
    }
    if let ModelInput::Row {
        numbers,
        categories,
    } = input
        && numbers + categories.len() != ensemble.width()
    {
        return refused("the trees take rows of another width");
    }
    Ok(())
}

/// Trees in memory.
#[derive(Debug)]
struct TreesModel {
    ensemble: Ensemble,
    signature: ModelSignature,
}

impl LoadedModel for TreesModel {
    fn infer(&self, batch: &Tensor) -> Result<Tensor, RuntimeError> {
        for input in &self.signature.inputs {
            input.check(batch.shape())?;
        }
        if batch.data().is_empty() {
            return Err(RuntimeError::Data(DataError::WrongShape {
                actual: batch.shape().to_vec(),
                expected: "at least one row".to_owned(),
            }));
        }
        let failed = |error: &dyn std::fmt::Display| RuntimeError::Unloadable {
            part: ENSEMBLE_FILE,
            reason: error.to_string(),
        };
        let outputs = self
            .ensemble
            .predict(batch.data())
            .map_err(|error| failed(&error))?;
        let rows = batch.shape().first().copied().unwrap_or(0);
        Tensor::new(vec![rows, self.ensemble.outputs()], outputs).map_err(|error| failed(&error))
    }

    fn size_bytes(&self) -> u64 {
        u64::try_from(self.ensemble.size_bytes()).unwrap_or(u64::MAX)
    }
}
