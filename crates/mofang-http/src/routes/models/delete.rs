//! `DELETE /v1/models/{model}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use mofang_types::ModelName;

use crate::auth::Caller;
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Deletes a model with its versions and aliases.
#[utoipa::path(
    delete, path = "/v1/models/{model}", tag = "models", operation_id = "delete_model",
    params(("model" = String, Path, description = "the model")),
    responses((status = 204, description = "the model is deleted")),
)]
pub(crate) async fn delete_model(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath(model): ApiPath<String>,
) -> Result<StatusCode, ApiError> {
    let model: ModelName = model.parse()?;
    state.registry.delete_model(&model, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
