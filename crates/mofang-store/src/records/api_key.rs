//! API keys and their scopes.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use mofang_types::{Coded, ErrorCode, UnixMillis};
use serde::{Deserialize, Serialize};

use super::SecretDigest;

/// What a key is good for, within what its user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Users, keys of others, the audit log; implies every other scope.
    #[serde(rename = "admin")]
    Admin,
    /// Predictions.
    #[serde(rename = "infer")]
    Infer,
    /// Seeing models, versions and datasets.
    #[serde(rename = "registry:read")]
    RegistryRead,
    /// Publishing versions and moving aliases.
    #[serde(rename = "registry:write")]
    RegistryWrite,
    /// Training, evaluating and pulling datasets.
    #[serde(rename = "train")]
    Train,
}

impl Scope {
    /// Every scope, by its text.
    pub fn all() -> &'static [Self] {
        &[
            Self::Admin,
            Self::Infer,
            Self::RegistryRead,
            Self::RegistryWrite,
            Self::Train,
        ]
    }

    /// The scope as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Infer => "infer",
            Self::RegistryRead => "registry:read",
            Self::RegistryWrite => "registry:write",
            Self::Train => "train",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a scope (admin, infer, registry:read, registry:write or train)")]
pub struct InvalidScope(String);

impl Coded for InvalidScope {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all()
            .iter()
            .copied()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| InvalidScope(text.chars().take(40).collect()))
    }
}

/// An API key, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// The id, which is no secret.
    pub id: String,
    /// The user it belongs to.
    pub user_id: String,
    /// What the user calls it.
    pub name: String,
    /// The SHA-256 of the key.
    pub key_digest: SecretDigest,
    /// The last four characters of the key, for people to tell keys apart.
    pub last_four: String,
    /// What it is good for.
    pub scopes: BTreeSet<Scope>,
    /// Its own quota; `None` for the server's default.
    pub requests_per_minute: Option<u32>,
    /// When it was made.
    pub created_unix_ms: UnixMillis,
    /// When it ends by itself.
    pub expires_unix_ms: Option<UnixMillis>,
    /// When it was last used; written lazily.
    pub last_used_unix_ms: Option<UnixMillis>,
    /// When it was revoked.
    pub revoked_unix_ms: Option<UnixMillis>,
}
