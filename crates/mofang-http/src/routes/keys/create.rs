//! `POST /v1/keys`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mofang_accounts::{CreateKeyRequest, ExposeSecret as _, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::KeyView;
use crate::auth::Caller;
use crate::extract::ApiJson;
use crate::{ApiError, AppState};

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKeyBody {
    /// What to call it.
    #[schema(example = "my laptop")]
    name: String,
    /// What it is good for: `infer`, `registry:read`, `registry:write`, `train`, `admin`.
    #[schema(value_type = Vec<String>, example = json!(["infer"]))]
    scopes: BTreeSet<Scope>,
    /// When it ends by itself; never when absent.
    #[serde(default)]
    expires_unix_ms: Option<i64>,
    /// Its own quota; the server's default when absent.
    #[serde(default)]
    requests_per_minute: Option<u32>,
    /// Whose key it shall be, which admins may say; the own when absent.
    #[serde(default)]
    user_id: Option<String>,
}

/// A key that was just made: the one answer that shows it whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedKeyView {
    /// The key: `Authorization: Bearer KEY`. It cannot be shown again.
    #[schema(example = "mf_…")]
    pub key: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub summary: KeyView,
}

/// Makes an API key.
#[utoipa::path(
    post, path = "/v1/keys", tag = "accounts", operation_id = "create_key",
    request_body = CreateKeyBody,
    responses((status = 201, description = "the key", body = CreatedKeyView)),
)]
pub(crate) async fn create_key(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiJson(body): ApiJson<CreateKeyBody>,
) -> Result<(StatusCode, Json<CreatedKeyView>), ApiError> {
    let request = CreateKeyRequest {
        name: body.name,
        scopes: body.scopes,
        expires_unix_ms: body.expires_unix_ms,
        requests_per_minute: body.requests_per_minute,
        user_id: body.user_id,
    };
    let created = state
        .accounts
        .create_key(caller.principal(), request)
        .await?;
    let view = CreatedKeyView {
        key: created.key.expose_secret().to_owned(),
        summary: created.summary.into(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}
