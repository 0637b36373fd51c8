//! How sessions are shown: never with their tokens.

use mofang_accounts::SessionSummary;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A session of a user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// The id, which is no secret.
    pub id: String,
    /// The address of the client that logged in.
    pub address: Option<String>,
    /// When it was opened.
    pub created_unix_ms: i64,
    /// When it was last used.
    pub last_used_unix_ms: i64,
    /// When it ends however much it is used.
    pub expires_unix_ms: i64,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl From<SessionSummary> for SessionView {
    fn from(session: SessionSummary) -> Self {
        Self {
            id: session.id,
            address: session.address,
            created_unix_ms: session.created_unix_ms,
            last_used_unix_ms: session.last_used_unix_ms,
            expires_unix_ms: session.expires_unix_ms,
            current: session.current,
        }
    }
}
