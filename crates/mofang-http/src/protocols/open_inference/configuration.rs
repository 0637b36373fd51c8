//! `GET /v2/models/{reference}/config`, Triton's model configuration extension.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_types::{DType, TensorSpec};
use serde::Serialize;
use utoipa::ToSchema;

use super::metadata::{manifest, platform, size};
use crate::extract::ApiPath;
use crate::protocols::reference;
use crate::{ApiError, AppState};

/// How a model is served, in the words of Triton's configuration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceModelConfig)]
pub(crate) struct ModelConfig {
    /// The model as it was asked for.
    #[schema(example = "digits")]
    pub(super) name: String,
    /// The form in which it is kept.
    #[schema(example = "mofang_safetensors")]
    pub(super) platform: &'static str,
    /// What computes it.
    #[schema(example = "mofang")]
    pub(super) backend: &'static str,
    /// The most examples of one request.
    pub(super) max_batch_size: usize,
    /// What goes in.
    pub(super) input: Vec<TensorConfig>,
    /// What comes out.
    pub(super) output: Vec<TensorConfig>,
    /// How requests are computed together.
    pub(super) dynamic_batching: DynamicBatching,
}

/// A tensor of a model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceTensorConfig)]
pub(crate) struct TensorConfig {
    /// The name, e.g. `image`.
    #[schema(example = "image")]
    pub(super) name: String,
    /// The type of the elements.
    #[schema(example = "TYPE_FP32")]
    pub(super) data_type: &'static str,
    /// The sizes of the dimensions without the batch; -1 is any.
    #[schema(example = json!([1, 8, 8]))]
    pub(super) dims: Vec<i64>,
}

/// How requests are computed together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceDynamicBatching)]
pub(crate) struct DynamicBatching {
    /// A batch of this size is computed at once.
    pub(super) preferred_batch_size: Vec<usize>,
    /// How long the first of a batch waits for company.
    pub(super) max_queue_delay_microseconds: u64,
}

/// How a model is served.
#[utoipa::path(get, path = "/v2/models/{reference}/config", tag = "open inference protocol", params(("reference" = String, Path, description = "a model with a selector: `digits`, `digits@production`, `digits:3`")), responses((status = 200, description = "the configuration", body = ModelConfig)))]
pub(crate) async fn model_config(
    State(state): State<Arc<AppState>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<ModelConfig>, ApiError> {
    config(&state, name, None).await.map(Json)
}

/// How a version of a model is served.
#[utoipa::path(get, path = "/v2/models/{reference}/versions/{version}/config", tag = "open inference protocol", params(("reference" = String, Path, description = "a model"), ("version" = String, Path, description = "a number, or an alias")), responses((status = 200, description = "the configuration", body = ModelConfig)))]
pub(crate) async fn model_version_config(
    State(state): State<Arc<AppState>>,
    ApiPath((name, version)): ApiPath<(String, String)>,
) -> Result<Json<ModelConfig>, ApiError> {
    config(&state, name, Some(&version)).await.map(Json)
}

pub(super) async fn config(
    state: &AppState,
    name: String,
    version: Option<&str>,
) -> Result<ModelConfig, ApiError> {
    let manifest = manifest(state, &reference(&name, version)?).await?;
    let serving = state.serving.settings();
    let describe = |specs: &[TensorSpec]| specs.iter().map(TensorConfig::of).collect();
    Ok(ModelConfig {
        name,
        platform: platform(&manifest),
        backend: "mofang",
        max_batch_size: state.settings.inputs_max,
        input: describe(&manifest.signature.inputs),
        output: describe(&manifest.signature.outputs),
        dynamic_batching: DynamicBatching {
            preferred_batch_size: vec![serving.max_batch_size],
            max_queue_delay_microseconds: u64::try_from(serving.max_queue_delay.as_micros())
                .unwrap_or(u64::MAX),
        },
    })
}

impl TensorConfig {
    fn of(spec: &TensorSpec) -> Self {
        Self {
            name: spec.name.clone(),
            data_type: match spec.dtype {
                DType::F32 => "TYPE_FP32",
                DType::I64 => "TYPE_INT64",
            },
            dims: spec.shape.iter().skip(1).map(size).collect(),
        }
    }
}
