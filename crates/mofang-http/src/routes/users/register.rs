//! `POST /v1/users`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use mofang_accounts::{RegisterRequest, Role, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::UserView;
use crate::auth::{Caller, ClientAddress, check_origin_if_any};
use crate::extract::ApiJson;
use crate::{ApiError, AppState};

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterBody {
    /// The name to log in with.
    #[schema(example = "ada")]
    name: String,
    /// At least eight characters, and none of the passwords that everybody tries first.
    #[schema(format = Password)]
    password: String,
    /// The role; only admins may say it.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "caller")]
    role: Option<Role>,
    /// The token that the server printed, to make the first account from another machine.
    #[serde(default)]
    #[schema(format = Password)]
    bootstrap_token: Option<String>,
}

/// Makes an account: the first one is an admin's, later ones as the registration policy says.
#[utoipa::path(
    post, path = "/v1/users", tag = "accounts", operation_id = "register",
    request_body = RegisterBody,
    responses((status = 201, description = "the account", body = UserView)),
)]
pub(crate) async fn register(
    State(state): State<Arc<AppState>>,
    caller: Option<Extension<Caller>>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    ApiJson(body): ApiJson<RegisterBody>,
) -> Result<(StatusCode, Json<UserView>), ApiError> {
    check_origin_if_any(&headers, &state.settings)?;
    let request = RegisterRequest {
        name: body.name,
        password: SecretString::from(body.password),
        role: body.role,
        address: Some(address),
        bootstrap_token: body.bootstrap_token.map(SecretString::from),
    };
    let user = state
        .accounts
        .register(request, caller.as_ref().map(|caller| caller.principal()))
        .await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}
