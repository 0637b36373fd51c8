//! `POST /v1/models/{model}/aliases/{alias}/rollback`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_types::{AliasName, ModelName};

use super::AliasMoveView;
use crate::auth::Caller;
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Moves an alias back to the version that it named before.
#[utoipa::path(
    post, path = "/v1/models/{model}/aliases/{alias}/rollback", tag = "aliases", operation_id = "rollback_alias",
    params(("model" = String, Path, description = "the model"), ("alias" = String, Path, description = "the alias")),
    responses((status = 200, description = "the move", body = AliasMoveView)),
)]
pub(crate) async fn rollback_alias(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath((model, alias)): ApiPath<(String, String)>,
) -> Result<Json<AliasMoveView>, ApiError> {
    let (model, alias): (ModelName, AliasName) = (model.parse()?, alias.parse()?);
    let moved = state
        .registry
        .rollback(&model, &alias, &caller.actor())
        .await?;
    Ok(Json(moved.into()))
}
