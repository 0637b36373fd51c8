//! `DELETE /v1/models/{model}/versions/{selector}/tags/{tag}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::reference;
use crate::auth::Caller;
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Removes a remark from a version.
#[utoipa::path(
    delete, path = "/v1/models/{model}/versions/{selector}/tags/{tag}", tag = "models", operation_id = "untag_version",
    params(("model" = String, Path, description = "the model"), ("selector" = String, Path, description = "a number, an alias or `latest`"), ("tag" = String, Path, description = "the key of the remark")),
    responses((status = 204, description = "the remark is gone")),
)]
pub(crate) async fn untag_version(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath((model, selector, tag)): ApiPath<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    let reference = reference(&model, &selector)?;
    state
        .registry
        .untag(&reference, &tag, &caller.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
