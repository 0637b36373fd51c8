//! `GET /v1/users/me`.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;

/// Who is asking.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MeView {
    /// The user's id.
    pub id: String,
    /// The user's name.
    #[schema(example = "ada")]
    pub name: String,
    /// The user's role.
    #[schema(example = "caller")]
    pub role: String,
    /// The scopes of the key, when one was used.
    pub scopes: Option<Vec<String>>,
    /// The key's id, when one was used.
    pub key_id: Option<String>,
}

/// Shows who is asking, and with what.
#[utoipa::path(
    get, path = "/v1/users/me", tag = "accounts", operation_id = "me",
    responses((status = 200, description = "the user and its credential", body = MeView)),
)]
pub(crate) async fn me(caller: Caller) -> Json<MeView> {
    let principal = caller.principal();
    Json(MeView {
        id: principal.user_id.clone(),
        name: principal.user_name.clone(),
        role: principal.role.to_string(),
        scopes: principal
            .scopes
            .as_ref()
            .map(|scopes| scopes.iter().map(ToString::to_string).collect()),
        key_id: principal.key_id.clone(),
    })
}
