//! What can go wrong with accounts. No variant carries a secret.

use std::time::Duration;

use mofang_store::StoreError;
use mofang_types::{Coded, ErrorCode};

use crate::Action;

/// A failure of [`crate::Accounts`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The name is unknown, the password is wrong or the account is closed: which, is not said.
    #[error("the name or the password is wrong")]
    WrongNameOrPassword,
    /// The key or token is unknown, expired, revoked or its account is closed.
    #[error("the API key or session is not valid; log in or create a new key")]
    NotAuthenticated,
    /// The request does not carry the session's token against cross-site requests.
    #[error("the request does not carry the session's CSRF token")]
    WrongCsrfToken,
    /// The role does not allow this.
    #[error("the role {role} may not {action}; this needs the role {needed}")]
    RoleForbids {
        /// What was to be done.
        action: Action,
        /// The role there is.
        role: mofang_store::Role,
        /// The lowest role that allows it.
        needed: mofang_store::Role,
    },
    /// The key's scopes do not allow this.
    #[error("this API key may not {action}; use a key with the scope {needed}")]
    ScopeForbids {
        /// What was to be done.
        action: Action,
        /// The scope that allows it.
        needed: mofang_store::Scope,
    },
    /// More was asked for than the asker has.
    #[error("{reason}")]
    NotAllowed {
        /// What, and what would be allowed.
        reason: String,
    },
    /// Accounts are made by admins only.
    #[error("registration is closed; ask an admin for an account")]
    RegistrationClosed,
    /// The first account may not be made from there.
    #[error(
        "the first account is made on the server's own machine or with the bootstrap token that the server printed"
    )]
    BootstrapRefused,
    /// A value of the request cannot be used.
    #[error("{reason}")]
    Invalid {
        /// Which, why, and what would be right.
        reason: String,
    },
    /// The caller has used up its quota.
    #[error("too many {what}; try again in {} s", retry_after_seconds(*retry_after))]
    TooManyRequests {
        /// What there were too many of.
        what: &'static str,
        /// How long to wait.
        retry_after: Duration,
    },
    /// Hashing failed, which no caller can help.
    #[error("the password could not be processed")]
    Hashing,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whole seconds, at least one (REL-7).
fn retry_after_seconds(retry_after: Duration) -> u64 {
    let whole = retry_after.as_secs();
    (whole + u64::from(retry_after.subsec_nanos() > 0)).max(1)
}

impl AccountError {
    /// For how many whole seconds the caller should stay away.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        if let Self::TooManyRequests { retry_after, .. } = self {
            Some(retry_after_seconds(*retry_after))
        } else {
            None
        }
    }
}

impl Coded for AccountError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::WrongNameOrPassword | Self::NotAuthenticated => ErrorCode::Unauthenticated,
            Self::WrongCsrfToken
            | Self::RoleForbids { .. }
            | Self::ScopeForbids { .. }
            | Self::NotAllowed { .. }
            | Self::RegistrationClosed
            | Self::BootstrapRefused => ErrorCode::Forbidden,
            Self::Invalid { .. } => ErrorCode::InvalidInput,
            Self::TooManyRequests { .. } => ErrorCode::TooManyRequests,
            Self::Hashing => ErrorCode::Internal,
            Self::Store(error) => error.code(),
        }
    }
}
