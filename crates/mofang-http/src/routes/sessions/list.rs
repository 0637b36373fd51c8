//! `GET /v1/sessions`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SessionView;
use crate::auth::Caller;
use crate::{ApiError, AppState};

/// The own sessions.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionsView {
    /// Newest first.
    pub items: Vec<SessionView>,
}

/// Lists the own sessions.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "accounts", operation_id = "list_sessions",
    responses((status = 200, description = "the own sessions", body = SessionsView)),
)]
pub(crate) async fn list_sessions(
    State(state): State<Arc<AppState>>,
    caller: Caller,
) -> Result<Json<SessionsView>, ApiError> {
    let sessions = state.accounts.list_sessions(caller.principal()).await?;
    let items = sessions.into_iter().map(Into::into).collect();
    Ok(Json(SessionsView { items }))
}
