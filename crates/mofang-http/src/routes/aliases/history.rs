//! `GET /v1/models/{model}/aliases/{alias}/history`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_types::{AliasName, ModelName};

use super::AliasMoveView;
use crate::extract::{ApiPath, ApiQuery};
use crate::{ApiError, AppState, PageQuery, PageView};

/// Lists the moves of an alias.
#[utoipa::path(
    get, path = "/v1/models/{model}/aliases/{alias}/history", tag = "aliases", operation_id = "alias_history",
    params(("model" = String, Path, description = "the model"), ("alias" = String, Path, description = "the alias"), PageQuery),
    responses((status = 200, description = "a page of moves, newest first", body = PageView<AliasMoveView>)),
)]
pub(crate) async fn alias_history(
    State(state): State<Arc<AppState>>,
    ApiPath((model, alias)): ApiPath<(String, String)>,
    ApiQuery(page): ApiQuery<PageQuery>,
) -> Result<Json<PageView<AliasMoveView>>, ApiError> {
    let (model, alias): (ModelName, AliasName) = (model.parse()?, alias.parse()?);
    let moves = state
        .registry
        .alias_history(&model, &alias, &page.into())
        .await?;
    Ok(Json(PageView::of(moves)))
}
