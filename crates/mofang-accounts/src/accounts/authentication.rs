//! From a credential to a principal, without leaving memory.

use std::fmt;

use crate::{AccountError, Principal, api_key, token};

use super::Accounts;

/// What a request shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// An API key.
    ApiKey(&'a str),
    /// The token of a session.
    SessionToken(&'a str),
}

impl<'a> Credential<'a> {
    /// The credential that a bearer token is, by what it begins with.
    pub fn from_bearer(text: &'a str) -> Self {
        if text.starts_with(crate::SESSION_TOKEN_PREFIX) {
            Self::SessionToken(text)
        } else {
            Self::ApiKey(text)
        }
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiKey(_) => "ApiKey(…)",
            Self::SessionToken(_) => "SessionToken(…)",
        })
    }
}

impl Accounts {
    /// The principal behind the credential. Looks only into memory, and charges the quota of the
    /// key or session.
    ///
    /// # Errors
    /// When the credential is not valid (any more), or its quota is used up.
    pub fn authenticate(&self, credential: Credential<'_>) -> Result<Principal, AccountError> {
        let now = self.now();
        let default_quota = self.settings.requests_per_minute;
        match credential {
            Credential::ApiKey(key) => {
                if !api_key::is_well_formed(key) {
                    return Err(AccountError::NotAuthenticated);
                }
                self.index.by_key(&token::digest(key), now, default_quota)
            }
            Credential::SessionToken(text) => self.index.by_session(
                &token::digest(text),
                now,
                self.settings.sessions.idle_timeout,
                default_quota,
            ),
        }
    }

    /// Checks the token that a changing request of a browser's session must carry. Nothing is asked
    /// of a key: no browser sends one by itself.
    ///
    /// # Errors
    /// When the token is not the session's.
    pub fn check_csrf(&self, by: &Principal, csrf_token: &str) -> Result<(), AccountError> {
        match &by.session_id {
            Some(session_id)
                if !self
                    .index
                    .csrf_matches(session_id, &token::digest(csrf_token)) =>
            {
                Err(AccountError::WrongCsrfToken)
            }
            _ => Ok(()),
        }
    }
}
