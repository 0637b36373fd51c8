//! `GET /v1/datasets`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::DatasetView;
use crate::AppState;

/// The datasets of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DatasetsView {
    /// By name.
    pub items: Vec<DatasetView>,
}

/// Lists the datasets of the catalogue.
#[utoipa::path(
    get, path = "/v1/datasets", tag = "datasets", operation_id = "list_datasets",
    responses((status = 200, description = "the datasets", body = DatasetsView)),
)]
pub(crate) async fn list_datasets(State(state): State<Arc<AppState>>) -> Json<DatasetsView> {
    let items = state.datasets.list().into_iter().map(Into::into).collect();
    Json(DatasetsView { items })
}
