//! `POST /v1/sessions`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use mofang_accounts::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{ClientAddress, check_origin_if_any};
use crate::extract::ApiJson;
use crate::openapi::SESSION_COOKIE;
use crate::view::UserView;
use crate::{ApiError, AppState};

/// Who wants to log in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogInBody {
    /// The name.
    #[schema(example = "ada")]
    name: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
}

/// A session: the one answer that shows its tokens.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenedSessionView {
    /// The session's id, which is no secret.
    pub session_id: String,
    /// The token: `Authorization: Bearer TOKEN`. Browsers have it in their cookie already.
    pub token: String,
    /// What a page sends as `X-CSRF-Token` with every change.
    pub csrf_token: String,
    /// When the session ends at the latest.
    pub expires_unix_ms: i64,
    /// Who logged in.
    pub user: UserView,
}

/// Logs in: answers with the session's tokens, and sets its cookie.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "accounts", operation_id = "log_in",
    request_body = LogInBody,
    responses((status = 201, description = "the session", body = OpenedSessionView)),
)]
pub(crate) async fn log_in(
    State(state): State<Arc<AppState>>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    ApiJson(body): ApiJson<LogInBody>,
) -> Result<Response, ApiError> {
    check_origin_if_any(&headers, &state.settings)?;
    let session = state
        .accounts
        .log_in(&body.name, &body.password, Some(address))
        .await?;
    let token = session.token.expose_secret().to_owned();
    let seconds = (session.expires_unix_ms - state.clock.now_unix_ms()).max(0) / 1000;
    let cookie = cookie(&token, seconds);
    let view = OpenedSessionView {
        session_id: session.session_id,
        token,
        csrf_token: session.csrf_token.expose_secret().to_owned(),
        expires_unix_ms: session.expires_unix_ms,
        user: session.user.into(),
    };
    Ok((StatusCode::CREATED, [(SET_COOKIE, cookie)], Json(view)).into_response())
}

/// The session's cookie. With `Strict` a link from elsewhere arrives without it, and nothing here is
/// a page that one would link to.
pub(super) fn cookie(token: &str, max_age_seconds: i64) -> String {
    format!(
        "{SESSION_COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={max_age_seconds}"
    )
}
