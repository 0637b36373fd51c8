//! What callers get to see of users, sessions and keys.

use std::collections::BTreeSet;

use mofang_store::{ApiKeyRecord, Role, Scope, SessionRecord, UserRecord};
use mofang_types::UnixMillis;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSummary {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// What the user may do at most.
    pub role: Role,
    /// Whether the account is closed.
    pub disabled: bool,
    /// When it was made.
    pub created_unix_ms: UnixMillis,
}

impl From<UserRecord> for UserSummary {
    fn from(user: UserRecord) -> Self {
        Self {
            id: user.id,
            name: user.name,
            role: user.role,
            disabled: user.disabled,
            created_unix_ms: user.created_unix_ms,
        }
    }
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// The id.
    pub id: String,
    /// The address it was opened from.
    pub address: Option<String>,
    /// When it was opened.
    pub created_unix_ms: UnixMillis,
    /// When it was last used, to within a minute or so.
    pub last_used_unix_ms: UnixMillis,
    /// When it ends at the latest.
    pub expires_unix_ms: UnixMillis,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl SessionSummary {
    pub(crate) fn new(session: SessionRecord, current: Option<&str>) -> Self {
        Self {
            current: current == Some(session.id.as_str()),
            id: session.id,
            address: session.address,
            created_unix_ms: session.created_unix_ms,
            last_used_unix_ms: session.last_used_unix_ms,
            expires_unix_ms: session.expires_unix_ms,
        }
    }
}

/// An API key, without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySummary {
    /// The id.
    pub id: String,
    /// The user it belongs to.
    pub user_id: String,
    /// What the user calls it.
    pub name: String,
    /// The last four characters of the key.
    pub last_four: String,
    /// What it is good for.
    pub scopes: BTreeSet<Scope>,
    /// Its own quota; `None` for the server's default.
    pub requests_per_minute: Option<u32>,
    /// When it was made.
    pub created_unix_ms: UnixMillis,
    /// When it ends by itself.
    pub expires_unix_ms: Option<UnixMillis>,
    /// When it was last used, to within a minute or so.
    pub last_used_unix_ms: Option<UnixMillis>,
    /// When it was revoked.
    pub revoked_unix_ms: Option<UnixMillis>,
}

impl From<ApiKeyRecord> for KeySummary {
    fn from(key: ApiKeyRecord) -> Self {
        Self {
            id: key.id,
            user_id: key.user_id,
            name: key.name,
            last_four: key.last_four,
            scopes: key.scopes,
            requests_per_minute: key.requests_per_minute,
            created_unix_ms: key.created_unix_ms,
            expires_unix_ms: key.expires_unix_ms,
            last_used_unix_ms: key.last_used_unix_ms,
            revoked_unix_ms: key.revoked_unix_ms,
        }
    }
}

/// A key that was just created: the only time that it can be seen.
#[derive(Debug)]
pub struct CreatedKey {
    /// The key.
    pub key: SecretString,
    /// What is kept of it.
    pub summary: KeySummary,
}

/// A session that was just opened: the only time that its tokens can be seen.
#[derive(Debug)]
pub struct OpenedSession {
    /// The session's id, which is no secret.
    pub session_id: String,
    /// The token that authenticates.
    pub token: SecretString,
    /// The token that every changing request from a browser must carry too.
    pub csrf_token: SecretString,
    /// When the session ends at the latest.
    pub expires_unix_ms: UnixMillis,
    /// Who logged in.
    pub user: UserSummary,
}
