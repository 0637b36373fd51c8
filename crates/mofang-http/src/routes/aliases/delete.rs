//! `DELETE /v1/models/{model}/aliases/{alias}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use mofang_types::{AliasName, ModelName};

use crate::auth::Caller;
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Deletes an alias; its history stays.
#[utoipa::path(
    delete, path = "/v1/models/{model}/aliases/{alias}", tag = "aliases", operation_id = "delete_alias",
    params(("model" = String, Path, description = "the model"), ("alias" = String, Path, description = "the alias")),
    responses((status = 204, description = "the alias is deleted")),
)]
pub(crate) async fn delete_alias(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath((model, alias)): ApiPath<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (model, alias): (ModelName, AliasName) = (model.parse()?, alias.parse()?);
    state
        .registry
        .delete_alias(&model, &alias, &caller.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
