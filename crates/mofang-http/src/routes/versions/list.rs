//! `GET /v1/models/{model}/versions`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_types::ModelName;

use super::VersionView;
use crate::extract::{ApiPath, ApiQuery};
use crate::{ApiError, AppState, PageQuery, PageView};

/// Lists the versions of a model.
#[utoipa::path(
    get, path = "/v1/models/{model}/versions", tag = "models", operation_id = "list_versions",
    params(("model" = String, Path, description = "the model"), PageQuery),
    responses((status = 200, description = "a page of versions, highest number first", body = PageView<VersionView>)),
)]
pub(crate) async fn list_versions(
    State(state): State<Arc<AppState>>,
    ApiPath(model): ApiPath<String>,
    ApiQuery(page): ApiQuery<PageQuery>,
) -> Result<Json<PageView<VersionView>>, ApiError> {
    let model: ModelName = model.parse()?;
    let versions = state.registry.versions(&model, &page.into()).await?;
    Ok(Json(PageView::of(versions)))
}
