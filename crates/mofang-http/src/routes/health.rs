//! `GET /healthz` and `GET /readyz`.

use std::sync::Arc;

use axum::extract::State;
use mofang_types::ErrorCode;

use crate::{ApiError, AppState};

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, description = "it does", content_type = "text/plain")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether requests are welcome: the database answers, and the server is not shutting down.
#[utoipa::path(get, path = "/readyz", tag = "server", responses((status = 200, description = "they are", content_type = "text/plain")))]
pub(crate) async fn readyz(State(state): State<Arc<AppState>>) -> Result<&'static str, ApiError> {
    readiness(&state).await?;
    Ok("ready\n")
}

/// Whether requests are welcome; every protocol asks here.
///
/// # Errors
/// The reason why not.
pub(crate) async fn readiness(state: &AppState) -> Result<(), ApiError> {
    if state.is_closing() || state.serving.is_draining() {
        return Err(ApiError::new(
            ErrorCode::Unavailable,
            "the server is shutting down",
        ));
    }
    Ok(state.registry.store().check().await?)
}
