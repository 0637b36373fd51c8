//! `GET /v1/datasets/{name}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_data::DataError;

use super::{DatasetView, refused};
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Shows a dataset of the catalogue; of a table also what its columns hold, once its file is here.
#[utoipa::path(
    get, path = "/v1/datasets/{name}", tag = "datasets", operation_id = "show_dataset",
    params(("name" = String, Path, description = "the dataset")),
    responses((status = 200, description = "the dataset", body = DatasetView)),
)]
pub(crate) async fn show_dataset(
    State(state): State<Arc<AppState>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<DatasetView>, ApiError> {
    let datasets = Arc::clone(&state.datasets);
    let shown = tokio::task::spawn_blocking(move || -> Result<DatasetView, DataError> {
        let view = DatasetView::from(datasets.show(&name)?);
        if view.status == "absent" {
            return Ok(view);
        }
        Ok(view.with_schema(datasets.schema(&name)?))
    });
    let view = shown.await.map_err(ApiError::internal)?.map_err(refused)?;
    Ok(Json(view))
}
