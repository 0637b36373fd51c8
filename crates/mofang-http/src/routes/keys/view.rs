//! How keys are shown: never whole but in the answer that makes them.

use mofang_accounts::KeySummary;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key, without the key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// The id, which is no secret.
    pub id: String,
    /// The user it belongs to.
    pub user_id: String,
    /// What the user calls it.
    pub name: String,
    /// The last four characters of the key.
    pub last_four: String,
    /// What it is good for.
    #[schema(example = json!(["infer"]))]
    pub scopes: Vec<String>,
    /// Its own quota; absent for the server's default.
    pub requests_per_minute: Option<u32>,
    /// When it was made.
    pub created_unix_ms: i64,
    /// When it ends by itself.
    pub expires_unix_ms: Option<i64>,
    /// When it was last used.
    pub last_used_unix_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_unix_ms: Option<i64>,
}

impl From<KeySummary> for KeyView {
    fn from(key: KeySummary) -> Self {
        Self {
            id: key.id,
            user_id: key.user_id,
            name: key.name,
            last_four: key.last_four,
            scopes: key.scopes.iter().map(ToString::to_string).collect(),
            requests_per_minute: key.requests_per_minute,
            created_unix_ms: key.created_unix_ms,
            expires_unix_ms: key.expires_unix_ms,
            last_used_unix_ms: key.last_used_unix_ms,
            revoked_unix_ms: key.revoked_unix_ms,
        }
    }
}
