//! `GET /ping`.

use std::sync::Arc;

use axum::extract::State;

use crate::routes::readiness;
use crate::{ApiError, AppState};

/// Whether requests are welcome, as MLflow and SageMaker ask it.
#[utoipa::path(get, path = "/ping", tag = "scoring protocol", responses((status = 200, description = "they are", content_type = "text/plain")))]
pub(crate) async fn ping(State(state): State<Arc<AppState>>) -> Result<&'static str, ApiError> {
    readiness(&state).await?;
    Ok("\n")
}
