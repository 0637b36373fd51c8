//! Users and their roles.

use std::fmt;
use std::str::FromStr;

use mofang_types::{Coded, ErrorCode, UnixMillis};
use serde::{Deserialize, Serialize};

use super::{ApiKeyRecord, PasswordHash, SessionRecord};

/// What a user may do at most; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees models, versions and datasets.
    Viewer,
    /// May ask models for predictions.
    Caller,
    /// May publish versions and move aliases.
    Editor,
    /// May do everything.
    Admin,
}

impl Role {
    /// Every role, lowest first.
    pub fn all() -> &'static [Self] {
        &[Self::Viewer, Self::Caller, Self::Editor, Self::Admin]
    }

    /// The role as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Caller => "caller",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a role (viewer, caller, editor or admin)")]
pub struct InvalidRole(String);

impl Coded for InvalidRole {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all()
            .iter()
            .copied()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| InvalidRole(text.chars().take(40).collect()))
    }
}

/// A person or a program with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The id.
    pub id: String,
    /// The name to log in with; unique.
    pub name: String,
    /// What the user may do at most.
    pub role: Role,
    /// The password's hash.
    pub password_hash: PasswordHash,
    /// Whether the account is closed.
    pub disabled: bool,
    /// When it was made.
    pub created_unix_ms: UnixMillis,
}

/// Everything that deciding about a request needs, at one point in time.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// Every user.
    pub users: Vec<UserRecord>,
    /// Every session that has not expired.
    pub sessions: Vec<SessionRecord>,
    /// Every key that is not revoked.
    pub keys: Vec<ApiKeyRecord>,
}
