//! `GET /v2/health/…` and `GET /v2/models/{reference}/ready`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_types::{Coded as _, ErrorCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::ApiPath;
use crate::protocols::reference;
use crate::routes::readiness;
use crate::{ApiError, AppState};

/// Whether the process lives.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceLive)]
pub(crate) struct Live {
    live: bool,
}

/// Whether requests are welcome.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceReady)]
pub(crate) struct Ready {
    ready: bool,
}

/// Whether an inference with a model would be taken now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceModelReady)]
pub(crate) struct ModelReady {
    /// The model as it was asked for.
    name: String,
    ready: bool,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/v2/health/live", tag = "open inference protocol", responses((status = 200, description = "it does", body = Live)))]
pub(crate) async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// Whether requests are welcome: the database answers, and the server is not shutting down.
#[utoipa::path(get, path = "/v2/health/ready", tag = "open inference protocol", responses((status = 200, description = "they are", body = Ready)))]
pub(crate) async fn ready(State(state): State<Arc<AppState>>) -> Result<Json<Ready>, ApiError> {
    readiness(&state).await?;
    Ok(Json(Ready { ready: true }))
}

/// Whether an inference with the model would be taken now.
///
/// A model is ready while it exists, is not quarantined and nobody has unloaded it: it need not be in
/// memory, because the first request loads it. What is not ready answers 400 with the reason.
#[utoipa::path(get, path = "/v2/models/{reference}/ready", tag = "open inference protocol", params(("reference" = String, Path, description = "a model with a selector: `digits`, `digits@production`, `digits:3`")), responses((status = 200, description = "it would", body = ModelReady)))]
pub(crate) async fn model_ready(
    State(state): State<Arc<AppState>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<ModelReady>, ApiError> {
    check_model(&state, name, None)
}

/// Whether an inference with the version would be taken now.
#[utoipa::path(get, path = "/v2/models/{reference}/versions/{version}/ready", tag = "open inference protocol", params(("reference" = String, Path, description = "a model"), ("version" = String, Path, description = "a number, or an alias")), responses((status = 200, description = "it would", body = ModelReady)))]
pub(crate) async fn model_version_ready(
    State(state): State<Arc<AppState>>,
    ApiPath((name, version)): ApiPath<(String, String)>,
) -> Result<Json<ModelReady>, ApiError> {
    check_model(&state, name, Some(&version))
}

fn check_model(
    state: &AppState,
    name: String,
    version: Option<&str>,
) -> Result<Json<ModelReady>, ApiError> {
    let reference = reference(&name, version)?;
    match state.serving.check_ready(&reference) {
        Ok(()) => Ok(Json(ModelReady { name, ready: true })),
        // "Not ready" is the protocol's 400; what does not exist stays 404.
        Err(error) if error.code() == ErrorCode::Unavailable => {
            Err(ApiError::invalid(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}
