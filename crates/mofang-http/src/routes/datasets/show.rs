//! `GET /v1/datasets/{name}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::DatasetView;
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Shows a dataset of the catalogue.
#[utoipa::path(
    get, path = "/v1/datasets/{name}", tag = "datasets", operation_id = "show_dataset",
    params(("name" = String, Path, description = "the dataset")),
    responses((status = 200, description = "the dataset", body = DatasetView)),
)]
pub(crate) async fn show_dataset(
    State(state): State<Arc<AppState>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<DatasetView>, ApiError> {
    Ok(Json(state.datasets.show(&name)?.into()))
}
