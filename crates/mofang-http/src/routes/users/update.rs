//! `PATCH /v1/users/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_accounts::Role;
use serde::Deserialize;
use utoipa::ToSchema;

use super::UserView;
use crate::auth::Caller;
use crate::extract::{ApiJson, ApiPath};
use crate::{ApiError, AppState};

/// What shall change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateUserBody {
    /// The new role.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "editor")]
    role: Option<Role>,
    /// Whether the account is closed; closing ends its sessions and keys.
    #[serde(default)]
    disabled: Option<bool>,
}

/// Changes the role of an account, or closes or opens it. It holds from the next request on.
#[utoipa::path(
    patch, path = "/v1/users/{id}", tag = "accounts", operation_id = "update_user",
    params(("id" = String, Path, description = "the user's id")),
    request_body = UpdateUserBody,
    responses((status = 200, description = "the account after the change", body = UserView)),
)]
pub(crate) async fn update_user(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiJson(body): ApiJson<UpdateUserBody>,
) -> Result<Json<UserView>, ApiError> {
    let accounts = &state.accounts;
    let mut user = None;
    if let Some(role) = body.role {
        user = Some(accounts.set_role(caller.principal(), &id, role).await?);
    }
    if let Some(disabled) = body.disabled {
        user = Some(
            accounts
                .set_disabled(caller.principal(), &id, disabled)
                .await?,
        );
    }
    let user = user.ok_or_else(|| ApiError::invalid("nothing to change: give role or disabled"))?;
    Ok(Json(user.into()))
}
