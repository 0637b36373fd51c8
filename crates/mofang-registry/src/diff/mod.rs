//! What differs between two versions.

mod metrics;
mod recipe;
mod values;
mod weights;

use mofang_types::{ModelReference, WEIGHTS_FILE};
use serde::{Deserialize, Serialize};

use crate::{Registry, RegistryError, Route};

pub use metrics::MetricChange;
pub use values::ValueChange;
pub use weights::{TensorChange, WeightsDiff};

/// What differs between two versions. What is equal is left out, except for metrics and weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionDiff {
    /// The version that is compared, e.g. `digits@1`.
    pub from: String,
    /// The version that it is compared with.
    pub to: String,
    /// Every metric that either of them has, by name.
    pub metrics: Vec<MetricChange>,
    /// What changed in the recipe, by key.
    pub recipe: Vec<ValueChange>,
    /// What changed in the transforms and decoders.
    pub pipeline: Vec<ValueChange>,
    /// What changed in the architecture.
    pub architecture: Vec<ValueChange>,
    /// What changed among the labels.
    pub labels: Vec<ValueChange>,
    /// What changed among the digests of the data that was read.
    pub data: Vec<ValueChange>,
    /// The tensors of both; `None` when neither has any.
    pub weights: Option<WeightsDiff>,
}

impl Registry {
    /// Compares two versions, of one model or of two.
    ///
    /// # Errors
    /// When one of them does not exist, is damaged, or has weights that are no safetensors file.
    pub async fn diff(
        &self,
        from: &ModelReference,
        to: &ModelReference,
    ) -> Result<VersionDiff, RegistryError> {
        let (from, to) = (self.resolve(from)?, self.resolve(to)?);
        let (old, new) = (
            self.load_package(&from).await?,
            self.load_package(&to).await?,
        );
        let compare = move || {
            let weights = weights::compare(
                old.files.get(WEIGHTS_FILE).map(Vec::as_slice),
                new.files.get(WEIGHTS_FILE).map(Vec::as_slice),
            )
            .map_err(|fault| {
                let route = if fault.in_new { &to } else { &from };
                RegistryError::UnreadableWeights {
                    model: route.model.clone(),
                    number: route.number,
                    detail: fault.detail,
                }
            })?;
            let (old, new) = (&old.manifest, &new.manifest);
            Ok(VersionDiff {
                from: shown(&from),
                to: shown(&to),
                metrics: metrics::compare(&old.metrics, &new.metrics),
                recipe: recipe::compare(
                    old.provenance.recipe.as_deref(),
                    new.provenance.recipe.as_deref(),
                ),
                pipeline: values::compare(&old.pipeline, &new.pipeline),
                architecture: values::compare_serialized(&old.architecture, &new.architecture),
                labels: values::compare_serialized(&old.labels, &new.labels),
                data: values::compare_serialized(
                    &old.provenance.dataset_digests,
                    &new.provenance.dataset_digests,
                ),
                weights,
            })
        };
        // Norms over all weights take their time.
        tokio::task::spawn_blocking(compare)
            .await
            .map_err(|_| RegistryError::Interrupted {
                operation: "compare two versions",
            })?
    }
}

fn shown(route: &Route) -> String {
    format!("{}@{}", route.model, route.number)
}
