//! `DELETE /v1/sessions/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};

use super::log_in::cookie;
use crate::auth::Caller;
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Ends one of the own sessions; `current` is the one that asks, and logs out.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "accounts", operation_id = "end_session",
    params(("id" = String, Path, description = "the session's id, or `current`")),
    responses((status = 204, description = "the session is ended")),
)]
pub(crate) async fn end_session(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, ApiError> {
    let principal = caller.principal();
    let own = principal.session_id.as_deref();
    let id = match (id.as_str(), own) {
        ("current", Some(own)) => own.to_owned(),
        ("current", None) => {
            return Err(ApiError::invalid(
                "an API key is no session; DELETE /v1/keys/{id} revokes it",
            ));
        }
        (id, _) => id.to_owned(),
    };
    state.accounts.end_session(principal, &id).await?;
    if own == Some(id.as_str()) {
        let cleared = [(SET_COOKIE, cookie("", 0))];
        return Ok((StatusCode::NO_CONTENT, cleared).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
