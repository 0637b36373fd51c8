//! `GET /v2` and `GET /v2/models/{reference}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_registry::ModelCard;
use mofang_types::{
    Dimension, ENSEMBLE_FILE, ErrorCode, ModelName, ModelReference, ONNX_FILE, PackageManifest,
    TensorSpec,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::EXTENSIONS;
use super::datatype::Datatype;
use crate::extract::ApiPath;
use crate::protocols::reference;
use crate::{ApiError, AppState};

/// The form in which a model is kept, as the protocol writes it: project and format.
pub(super) fn platform(manifest: &PackageManifest) -> &'static str {
    if manifest.file(ONNX_FILE).is_some() {
        "mofang_onnx"
    } else if manifest.file(ENSEMBLE_FILE).is_some() {
        "mofang_trees"
    } else {
        "mofang_safetensors"
    }
}

/// The server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceServerMetadata)]
pub(crate) struct ServerMetadata {
    /// The server's name.
    #[schema(example = "mofang")]
    pub(super) name: &'static str,
    /// The version of its program.
    pub(super) version: &'static str,
    /// The extensions of the protocol that it has.
    pub(super) extensions: Vec<&'static str>,
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceModelMetadata)]
pub(crate) struct ModelMetadata {
    /// The model as it was asked for.
    #[schema(example = "digits")]
    pub(super) name: String,
    /// The numbers of its versions.
    pub(super) versions: Vec<String>,
    /// The form in which it is kept.
    #[schema(example = "mofang_safetensors")]
    pub(super) platform: &'static str,
    /// What goes in.
    pub(super) inputs: Vec<TensorMetadata>,
    /// What comes out.
    pub(super) outputs: Vec<TensorMetadata>,
}

/// A tensor of a model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceTensorMetadata)]
pub(crate) struct TensorMetadata {
    /// The name, e.g. `image`.
    #[schema(example = "image")]
    pub(super) name: String,
    /// The type of the elements.
    #[schema(example = "FP32")]
    pub(super) datatype: String,
    /// The sizes of the dimensions, batch first; -1 is any.
    #[schema(example = json!([-1, 1, 8, 8]))]
    pub(super) shape: Vec<i64>,
}

/// The server's name, version and extensions.
#[utoipa::path(get, path = "/v2", tag = "open inference protocol", responses((status = 200, description = "the server", body = ServerMetadata)))]
pub(crate) async fn server() -> Json<ServerMetadata> {
    Json(server_metadata())
}

/// The inputs and outputs of a model.
#[utoipa::path(get, path = "/v2/models/{reference}", tag = "open inference protocol", params(("reference" = String, Path, description = "a model with a selector: `digits`, `digits@production`, `digits:3`")), responses((status = 200, description = "the model", body = ModelMetadata)))]
pub(crate) async fn model(
    State(state): State<Arc<AppState>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<ModelMetadata>, ApiError> {
    model_metadata(&state, name, None).await.map(Json)
}

/// The inputs and outputs of a version of a model.
#[utoipa::path(get, path = "/v2/models/{reference}/versions/{version}", tag = "open inference protocol", params(("reference" = String, Path, description = "a model"), ("version" = String, Path, description = "a number, or an alias")), responses((status = 200, description = "the version", body = ModelMetadata)))]
pub(crate) async fn model_version(
    State(state): State<Arc<AppState>>,
    ApiPath((name, version)): ApiPath<(String, String)>,
) -> Result<Json<ModelMetadata>, ApiError> {
    model_metadata(&state, name, Some(&version)).await.map(Json)
}

pub(super) fn server_metadata() -> ServerMetadata {
    ServerMetadata {
        name: "mofang",
        version: env!("CARGO_PKG_VERSION"),
        extensions: EXTENSIONS.to_vec(),
    }
}

pub(super) async fn model_metadata(
    state: &AppState,
    name: String,
    version: Option<&str>,
) -> Result<ModelMetadata, ApiError> {
    let reference = reference(&name, version)?;
    let manifest = manifest(state, &reference).await?;
    let describe = |specs: &[TensorSpec]| specs.iter().map(TensorMetadata::of).collect();
    Ok(ModelMetadata {
        name,
        versions: versions(state, &reference.model).await?,
        platform: platform(&manifest),
        inputs: describe(&manifest.signature.inputs),
        outputs: describe(&manifest.signature.outputs),
    })
}

/// What the version's package says of itself. Read, not loaded: looking takes no memory.
pub(super) async fn manifest(
    state: &AppState,
    reference: &ModelReference,
) -> Result<PackageManifest, ApiError> {
    let ModelCard {
        version, manifest, ..
    } = state.registry.card(reference).await?;
    manifest.ok_or_else(|| {
        ApiError::new(
            ErrorCode::Unavailable,
            format!(
                "version \"{}@{}\" is quarantined and its manifest cannot be read",
                version.model, version.number
            ),
        )
    })
}

/// The numbers of a model's versions, lowest first.
async fn versions(state: &AppState, model: &ModelName) -> Result<Vec<String>, ApiError> {
    let versions = state.registry.all_versions(model).await?;
    let mut numbers: Vec<u32> = versions.iter().map(|version| version.number).collect();
    numbers.sort_unstable();
    Ok(numbers.iter().map(ToString::to_string).collect())
}

impl TensorMetadata {
    fn of(spec: &TensorSpec) -> Self {
        Self {
            name: spec.name.clone(),
            datatype: Datatype::from(spec.dtype).to_string(),
            shape: spec.shape.iter().map(size).collect(),
        }
    }
}

/// A dimension as the protocol writes it.
pub(super) fn size(dimension: &Dimension) -> i64 {
    match dimension {
        Dimension::Fixed(size) => i64::try_from(*size).unwrap_or(i64::MAX),
        Dimension::Named(_) => -1,
    }
}
