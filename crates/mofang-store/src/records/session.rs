//! Sessions.

use mofang_types::UnixMillis;

use super::SecretDigest;

/// A user who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The id, which is no secret.
    pub id: String,
    /// The user.
    pub user_id: String,
    /// The SHA-256 of the token.
    pub token_digest: SecretDigest,
    /// The SHA-256 of the token against cross-site requests.
    pub csrf_digest: SecretDigest,
    /// The address of the client that logged in, for the user to recognize.
    pub address: Option<String>,
    /// When it was opened.
    pub created_unix_ms: UnixMillis,
    /// When it was last used; written lazily.
    pub last_used_unix_ms: UnixMillis,
    /// When it ends however much it is used.
    pub expires_unix_ms: UnixMillis,
}
