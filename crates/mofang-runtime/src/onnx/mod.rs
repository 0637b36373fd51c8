//! ONNX models, as they were imported, each where the settings place it.

use mofang_host::{TensorModel, TensorModelConfig};
use mofang_types::{ModelSignature, ONNX_FILE, Package, PackageManifest, Tensor};

use crate::{LoadedModel, Runtime, RuntimeError, RuntimeSettings};

/// The name of the architecture in the manifest; its configuration is a [`TensorModelConfig`].
const ARCHITECTURE: &str = "onnx";

/// ONNX models.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Onnx;

impl Runtime for Onnx {
    fn name(&self) -> &'static str {
        "onnx"
    }

    fn summary(&self) -> &'static str {
        "ONNX models on rten, each in a process of its own"
    }

    fn accepts(&self, manifest: &PackageManifest) -> bool {
        manifest.architecture.name == ARCHITECTURE
    }

    fn load(
        &self,
        package: &Package,
        settings: &RuntimeSettings,
    ) -> Result<Box<dyn LoadedModel>, RuntimeError> {
        let manifest = &package.manifest;
        let config: TensorModelConfig =
            serde_json::from_value(manifest.architecture.config.clone())
                .map_err(|error| RuntimeError::unloadable("architecture")(&error))?;
        let bytes = package
            .files
            .get(ONNX_FILE)
            .ok_or_else(|| RuntimeError::Unloadable {
                part: ONNX_FILE,
                reason: "it is missing".to_owned(),
            })?;
        let model = TensorModel::load(&settings.placement, bytes, config)
            .map_err(|error| RuntimeError::unloadable(ONNX_FILE)(&error))?;
        Ok(Box::new(OnnxModel {
            model,
            signature: manifest.signature.clone(),
        }))
    }
}

/// A model in memory, of this process or its own.
#[derive(Debug)]
struct OnnxModel {
    model: TensorModel,
    signature: ModelSignature,
}

impl LoadedModel for OnnxModel {
    fn infer(&self, batch: &Tensor) -> Result<Tensor, RuntimeError> {
        for input in &self.signature.inputs {
            input.check(batch.shape())?;
        }
        let answer = self.model.infer(batch)?;
        // Graphs keep dimensions of 1 behind the classes, which the signature leaves out.
        let rank = self
            .signature
            .outputs
            .first()
            .map(|output| output.shape.len());
        let &[count, _, _, ..] = answer.shape() else {
            return Ok(answer);
        };
        if rank != Some(2) {
            return Ok(answer);
        }
        let numbers = answer.shape().iter().skip(1).product();
        Tensor::new(vec![count, numbers], answer.into_data())
            .map_err(|error| RuntimeError::unloadable("signature")(&error))
    }

    fn size_bytes(&self) -> u64 {
        self.model.size_bytes()
    }
}
