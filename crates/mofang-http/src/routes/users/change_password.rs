//! `PUT /v1/users/me/password`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::extract::ApiJson;
use crate::{ApiError, AppState};

/// The old and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePasswordBody {
    /// The password until now.
    #[schema(format = Password)]
    old_password: String,
    /// The password from now on.
    #[schema(format = Password)]
    new_password: String,
}

/// Changes the own password and ends every other session.
#[utoipa::path(
    put, path = "/v1/users/me/password", tag = "accounts", operation_id = "change_password",
    request_body = ChangePasswordBody,
    responses((status = 204, description = "the password is changed")),
)]
pub(crate) async fn change_password(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiJson(body): ApiJson<ChangePasswordBody>,
) -> Result<StatusCode, ApiError> {
    state
        .accounts
        .change_password(
            caller.principal(),
            &body.old_password,
            body.new_password.into(),
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
