//! `DELETE /v1/models/{model}/versions/{selector}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use mofang_types::Selector;

use super::reference;
use crate::auth::Caller;
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Deletes a version; refused while an alias names it.
#[utoipa::path(
    delete, path = "/v1/models/{model}/versions/{selector}", tag = "models", operation_id = "delete_version",
    params(("model" = String, Path, description = "the model"), ("selector" = String, Path, description = "the version's number")),
    responses((status = 204, description = "the version is deleted")),
)]
pub(crate) async fn delete_version(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath((model, selector)): ApiPath<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let reference = reference(&model, &selector)?;
    // What a name means may move between looking and deleting; a number does not.
    let Selector::Version(number) = reference.selector else {
        return Err(ApiError::invalid(
            "name the version to delete by its number",
        ));
    };
    state
        .registry
        .delete_version(&reference.model, number, &caller.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
