//! `GET /v1/models`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::ModelView;
use crate::extract::ApiQuery;
use crate::{ApiError, AppState, PageQuery, PageView};

/// Lists the models.
#[utoipa::path(
    get, path = "/v1/models", tag = "models", operation_id = "list_models",
    params(PageQuery),
    responses((status = 200, description = "a page of models, by name", body = PageView<ModelView>)),
)]
pub(crate) async fn list_models(
    State(state): State<Arc<AppState>>,
    ApiQuery(page): ApiQuery<PageQuery>,
) -> Result<Json<PageView<ModelView>>, ApiError> {
    let models = state.registry.list_models(&page.into()).await?;
    Ok(Json(PageView::of(models)))
}
