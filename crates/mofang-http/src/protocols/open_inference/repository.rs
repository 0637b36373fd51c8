//! `POST /v2/repository/…`, Triton's model repository extension.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use mofang_store::VersionRecord;
use mofang_types::{Coded as _, ErrorCode, ModelReference, Selector};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::body::read_body;
use crate::extract::{ApiPath, parse_json};
use crate::protocols::reference;
use crate::{ApiError, AppState};

/// What of the index is wanted; the body may be empty.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = OpenInferenceIndexRequest)]
pub(crate) struct IndexRequest {
    /// Whether only versions are wanted that can be used now.
    #[serde(default)]
    ready: Option<bool>,
}

/// A version in the index.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceIndexEntry)]
pub(crate) struct IndexEntry {
    /// The model.
    #[schema(example = "digits")]
    pub(super) name: String,
    /// The number of the version.
    #[schema(example = "1")]
    pub(super) version: String,
    /// `READY` or `UNAVAILABLE`.
    #[schema(example = "READY")]
    pub(super) state: &'static str,
    /// Why it is unavailable; empty when it is ready.
    pub(super) reason: String,
}

/// Every version of every model, and whether it can be used now.
#[utoipa::path(post, path = "/v2/repository/index", tag = "open inference protocol", request_body(content = Option<IndexRequest>), responses((status = 200, description = "the versions", body = [IndexEntry])))]
pub(crate) async fn index(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Vec<IndexEntry>>, ApiError> {
    let body = small_body(&state, &headers, body).await?;
    let request: IndexRequest = if body.is_empty() {
        IndexRequest::default()
    } else {
        parse_json(&body)?
    };
    let ready_only = request.ready.unwrap_or(false);
    entries(&state, ready_only).await.map(Json)
}

/// Loads a version into memory, so that its first request need not wait; a model that was unloaded
/// can be used again.
#[utoipa::path(post, path = "/v2/repository/models/{reference}/load", tag = "open inference protocol", params(("reference" = String, Path, description = "a model with a selector: `digits`, `digits@production`, `digits:3`")), responses((status = 200, description = "it is loaded")))]
pub(crate) async fn load(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath(name): ApiPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let body = small_body(&state, &headers, body).await?;
    let request: ChangeRequest = if body.is_empty() {
        ChangeRequest::default()
    } else {
        parse_json(&body)?
    };
    let parameters = request.parameters.unwrap_or_default();
    load_model(
        &state,
        &caller,
        &name,
        parameters.keys().map(String::as_str),
    )
    .await?;
    Ok(StatusCode::OK)
}

/// Unloads every version of a model for everybody, until it is loaded again or the server restarts.
///
/// Requests that are inside are answered; further ones are refused as unavailable.
#[utoipa::path(post, path = "/v2/repository/models/{reference}/unload", tag = "open inference protocol", params(("reference" = String, Path, description = "a model, without a version")), responses((status = 200, description = "it is unloaded")))]
pub(crate) async fn unload(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath(name): ApiPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    // Clients send `unload_dependents`, and no model here has any.
    small_body(&state, &headers, body).await?;
    unload_model(&state, &caller, &name)?;
    Ok(StatusCode::OK)
}

/// What clients send with a load.
#[derive(Debug, Default, Deserialize)]
struct ChangeRequest {
    #[serde(default)]
    parameters: Option<serde_json::Map<String, serde_json::Value>>,
}

async fn small_body(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
) -> Result<bytes::Bytes, ApiError> {
    let settings = &state.settings;
    let limit = settings.json_limit_bytes;
    read_body(headers, body, limit, settings.body_timeout()).await
}

/// The index, by model and number.
pub(super) async fn entries(
    state: &AppState,
    ready_only: bool,
) -> Result<Vec<IndexEntry>, ApiError> {
    let mut entries = Vec::new();
    for model in state.registry.all_models().await? {
        let mut versions = state.registry.all_versions(&model.model.name).await?;
        versions.sort_by_key(|version| version.number);
        let of_model = versions
            .into_iter()
            .filter_map(|version| entry(state, version));
        entries.extend(of_model.filter(|entry| entry.state == READY || !ready_only));
    }
    Ok(entries)
}

const READY: &str = "READY";
const UNAVAILABLE: &str = "UNAVAILABLE";

/// The entry of a version; `None` when it was deleted meanwhile.
fn entry(state: &AppState, version: VersionRecord) -> Option<IndexEntry> {
    let reference = ModelReference {
        model: version.model,
        selector: Selector::Version(version.number),
    };
    let (state, reason) = match state.serving.check_ready(&reference) {
        Ok(()) => (READY, String::new()),
        Err(error) if error.code() == ErrorCode::Unavailable => (UNAVAILABLE, error.to_string()),
        Err(_) => return None,
    };
    Some(IndexEntry {
        name: reference.model.into(),
        version: version.number.to_string(),
        state,
        reason,
    })
}

/// Loads the version that `name` means.
pub(super) async fn load_model(
    state: &AppState,
    caller: &Caller,
    name: &str,
    mut parameters: impl Iterator<Item = &str>,
) -> Result<(), ApiError> {
    // Triton takes a configuration and even the files of a model here; ours come by publishing.
    if let Some(parameter) = parameters.find(|name| *name == "config" || name.starts_with("file:"))
    {
        let parameter: String = parameter.chars().take(80).collect();
        return Err(ApiError::not_implemented(format!(
            "the parameter \"{parameter}\" is not implemented: a model is changed by publishing a version of it"
        )));
    }
    let reference = reference(name, None)?;
    state.serving.load_model(&reference).await?;
    tracing::info!(model.name = %reference, caller = caller.label().as_str(), "loaded a model because it was asked for");
    Ok(())
}

/// Unloads the model `name`.
pub(super) fn unload_model(state: &AppState, caller: &Caller, name: &str) -> Result<(), ApiError> {
    if name.contains(['@', ':']) {
        return Err(ApiError::invalid(format!(
            "\"{name}\" names a version; a model is unloaded as a whole, name it without the version"
        )));
    }
    let reference = reference(name, None)?;
    let route = state.registry.locate(&reference)?;
    let versions = state.serving.unload_model(&route.model);
    tracing::info!(model.name = %route.model, versions, caller = caller.label().as_str(), "unloaded a model because it was asked for");
    Ok(())
}
