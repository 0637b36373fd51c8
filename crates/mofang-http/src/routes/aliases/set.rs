//! `PUT /v1/models/{model}/aliases/{alias}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_types::{AliasName, ModelName, Selector};
use serde::Deserialize;
use utoipa::ToSchema;

use super::AliasMoveView;
use crate::auth::Caller;
use crate::extract::{ApiJson, ApiPath};
use crate::{ApiError, AppState};

/// Where an alias shall point.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetAliasBody {
    /// The number of the version.
    #[schema(minimum = 1)]
    version: u32,
    /// When given, the version that the alias has to name now, or the move is refused.
    #[serde(default)]
    expected_version: Option<u32>,
}

/// Lets an alias name a version, from the next request on.
#[utoipa::path(
    put, path = "/v1/models/{model}/aliases/{alias}", tag = "aliases", operation_id = "set_alias",
    params(("model" = String, Path, description = "the model"), ("alias" = String, Path, description = "the alias")),
    request_body = SetAliasBody,
    responses((status = 200, description = "the move", body = AliasMoveView)),
)]
pub(crate) async fn set_alias(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath((model, alias)): ApiPath<(String, String)>,
    ApiJson(body): ApiJson<SetAliasBody>,
) -> Result<Json<AliasMoveView>, ApiError> {
    let (model, alias): (ModelName, AliasName) = (model.parse()?, alias.parse()?);
    let moved = state
        .registry
        .set_alias(
            &model,
            &alias,
            &Selector::Version(body.version),
            body.expected_version,
            &caller.actor(),
        )
        .await?;
    Ok(Json(moved.into()))
}
