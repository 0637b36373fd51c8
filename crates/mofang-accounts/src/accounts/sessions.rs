//! Logging in and out.

use std::net::IpAddr;

use mofang_store::SessionRecord;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::{AccountError, Action, OpenedSession, Principal, SessionSummary, name, token};

use super::{Accounts, milliseconds};

impl Accounts {
    /// Opens a session. Unknown names, wrong passwords and closed accounts get the same answer after
    /// the same time.
    ///
    /// # Errors
    /// When the name or the password is wrong, or there were too many attempts.
    pub async fn log_in(
        &self,
        name: &str,
        password: &str,
        address: Option<IpAddr>,
    ) -> Result<OpenedSession, AccountError> {
        let name = name::normalize(name);
        // A name that nobody can have needs no room in memory of its own length.
        let account = name.chars().take(64).collect::<String>();
        self.attempts
            .begin(&account, address, self.clock.monotonic())?;
        let user = self.store.find_user_by_name(&name).await?;
        let stored = user.as_ref().map(|user| &user.password_hash);
        let verified = self
            .hasher
            .verify(SecretString::from(password), stored, &self.randomness)
            .await
            .inspect_err(|_| {
                self.attempts
                    .give_back(&account, address, self.clock.monotonic());
            })?;
        let Some(user) = user.filter(|user| verified.right && !user.disabled) else {
            tracing::warn!(
                client.address = address.map(tracing::field::display),
                "a login was refused"
            );
            return Err(AccountError::WrongNameOrPassword);
        };
        self.attempts
            .succeed(&account, address, self.clock.monotonic());
        let own = Principal {
            user_id: user.id.clone(),
            user_name: user.name.clone(),
            role: user.role,
            ..Principal::local()
        };
        if let Some(stronger) = verified.stronger {
            let audit = self.audit_entry(&own, "user.strengthen_hash", &user.name, json!({}));
            self.store
                .strengthen_password_hash(&user.id, &user.password_hash, stronger, audit)
                .await?;
        }

        let token = token::session_token(&self.randomness);
        let csrf_token = token::csrf_token(&self.randomness);
        let now = self.now();
        let session = SessionRecord {
            id: self.next_id(),
            user_id: user.id.clone(),
            token_digest: token::digest(token.expose_secret()),
            csrf_digest: token::digest(csrf_token.expose_secret()),
            address: address.map(|address| address.to_string()),
            created_unix_ms: now.unix_ms,
            last_used_unix_ms: now.unix_ms,
            expires_unix_ms: now
                .unix_ms
                .saturating_add(milliseconds(self.settings.sessions.absolute_timeout)),
        };
        let audit = self.audit_entry(&own, "session.open", &session.id, json!({}));
        self.store.insert_session(session.clone(), audit).await?;
        let opened = OpenedSession {
            session_id: session.id.clone(),
            token,
            csrf_token,
            expires_unix_ms: session.expires_unix_ms,
            user: user.into(),
        };
        self.index.insert_session(session, now);
        Ok(opened)
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// When it is no session that asks, or the store fails.
    pub async fn log_out(&self, by: &Principal) -> Result<(), AccountError> {
        match &by.session_id {
            Some(session_id) => self.end_session(by, session_id).await,
            None => Err(AccountError::Invalid {
                reason: "there is no session to end; an API key ends by revoking it".to_owned(),
            }),
        }
    }

    /// The own sessions, newest first.
    ///
    /// # Errors
    /// When the key may not see them, or the store fails.
    pub async fn list_sessions(&self, by: &Principal) -> Result<Vec<SessionSummary>, AccountError> {
        by.authorize(Action::ReadOwnAccount)?;
        let sessions = self
            .store
            .list_sessions(&by.user_id, self.clock.now_unix_ms())
            .await?;
        Ok(sessions
            .into_iter()
            .map(|session| SessionSummary::new(session, by.session_id.as_deref()))
            .collect())
    }

    /// Ends a session: an own one, or anybody's for who manages users.
    ///
    /// # Errors
    /// When there is no such session, or none that the principal may see.
    pub async fn end_session(&self, by: &Principal, session_id: &str) -> Result<(), AccountError> {
        by.authorize(Action::ManageOwnAccount)?;
        if !by.may(Action::ManageUsers) {
            let now = self.clock.now_unix_ms();
            let own = self.store.list_sessions(&by.user_id, now).await?;
            if !own.iter().any(|session| session.id == session_id) {
                return Err(mofang_store::StoreError::NotFound {
                    kind: "session",
                    name: session_id.chars().take(80).collect(),
                }
                .into());
            }
        }
        let audit = self.audit_entry(by, "session.end", session_id, json!({}));
        self.store.delete_session(session_id, audit).await?;
        self.index.remove_session(session_id);
        Ok(())
    }
}
