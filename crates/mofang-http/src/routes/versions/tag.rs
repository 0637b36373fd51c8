//! `PUT /v1/models/{model}/versions/{selector}/tags/{tag}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::reference;
use crate::auth::Caller;
use crate::extract::{ApiJson, ApiPath};
use crate::{ApiError, AppState};

/// A remark.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagBody {
    /// What to remark.
    #[schema(example = "reviewed by ada")]
    value: String,
}

/// Puts a remark on a version, in place of the one under the same key.
#[utoipa::path(
    put, path = "/v1/models/{model}/versions/{selector}/tags/{tag}", tag = "models", operation_id = "tag_version",
    params(("model" = String, Path, description = "the model"), ("selector" = String, Path, description = "a number, an alias or `latest`"), ("tag" = String, Path, description = "the key of the remark")),
    request_body = TagBody,
    responses((status = 204, description = "the remark is there")),
)]
pub(crate) async fn tag_version(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath((model, selector, tag)): ApiPath<(String, String, String)>,
    ApiJson(body): ApiJson<TagBody>,
) -> Result<StatusCode, ApiError> {
    let reference = reference(&model, &selector)?;
    state
        .registry
        .tag(&reference, &tag, &body.value, &caller.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
