//! `POST /v1/datasets/{name}/pull`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::{DatasetView, on_files};
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Fetches the missing files of a dataset from their own addresses, and verifies them.
#[utoipa::path(
    post, path = "/v1/datasets/{name}/pull", tag = "datasets", operation_id = "pull_dataset",
    params(("name" = String, Path, description = "the dataset")),
    responses((status = 200, description = "the dataset, whole", body = DatasetView)),
)]
pub(crate) async fn pull_dataset(
    State(state): State<Arc<AppState>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<DatasetView>, ApiError> {
    let dataset = on_files(&state, move |datasets| {
        datasets.pull(&name, None, &mut |_| {})?;
        Ok(datasets.show(&name)?.into())
    })
    .await?;
    Ok(Json(dataset))
}
