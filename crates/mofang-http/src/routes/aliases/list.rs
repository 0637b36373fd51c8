//! `GET /v1/models/{model}/aliases`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_types::ModelName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AliasView;
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// The aliases of a model.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AliasesView {
    /// By name.
    pub items: Vec<AliasView>,
}

/// Lists the aliases of a model.
#[utoipa::path(
    get, path = "/v1/models/{model}/aliases", tag = "aliases", operation_id = "list_aliases",
    params(("model" = String, Path, description = "the model")),
    responses((status = 200, description = "the aliases", body = AliasesView)),
)]
pub(crate) async fn list_aliases(
    State(state): State<Arc<AppState>>,
    ApiPath(model): ApiPath<String>,
) -> Result<Json<AliasesView>, ApiError> {
    let model: ModelName = model.parse()?;
    let aliases = state.registry.aliases(&model).await?;
    let items = aliases.into_iter().map(Into::into).collect();
    Ok(Json(AliasesView { items }))
}
