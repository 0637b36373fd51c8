//! `DELETE /v1/keys/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::auth::Caller;
use crate::extract::ApiPath;
use crate::{ApiError, AppState};

/// Revokes a key; it is refused from the next request on.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "accounts", operation_id = "revoke_key",
    params(("id" = String, Path, description = "the key's id")),
    responses((status = 204, description = "the key is revoked")),
)]
pub(crate) async fn revoke_key(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, ApiError> {
    state.accounts.revoke_key(caller.principal(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
