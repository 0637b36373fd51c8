//! How users are shown: never with anything of their password.

use mofang_accounts::UserSummary;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// The id.
    pub id: String,
    /// The name to log in with.
    #[schema(example = "ada")]
    pub name: String,
    /// `viewer`, `caller`, `editor` or `admin`.
    #[schema(example = "caller")]
    pub role: String,
    /// Whether the account is closed.
    pub disabled: bool,
    /// When it was made.
    pub created_unix_ms: i64,
}

impl From<UserSummary> for UserView {
    fn from(user: UserSummary) -> Self {
        Self {
            id: user.id,
            name: user.name,
            role: user.role.to_string(),
            disabled: user.disabled,
            created_unix_ms: user.created_unix_ms,
        }
    }
}
