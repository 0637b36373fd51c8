//! `POST /v1/datasets/{name}/verify`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::{DatasetView, on_files};
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Checks the digest of every file of a dataset.
#[utoipa::path(
    post, path = "/v1/datasets/{name}/verify", tag = "datasets", operation_id = "verify_dataset",
    params(("name" = String, Path, description = "the dataset")),
    responses((status = 200, description = "the dataset, every file of which is right", body = DatasetView)),
)]
pub(crate) async fn verify_dataset(
    State(state): State<Arc<AppState>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<DatasetView>, ApiError> {
    let dataset = on_files(&state, move |datasets| {
        datasets.verify(&name)?;
        Ok(datasets.show(&name)?.into())
    })
    .await?;
    Ok(Json(dataset))
}
