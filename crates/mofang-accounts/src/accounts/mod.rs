//! The door to everything about accounts.

mod authentication;
mod background;
mod keys;
mod passwords;
mod registration;
mod sessions;
mod users;

use std::sync::Arc;
use std::time::Duration;

use mofang_store::{AuditEntry, AuditFilter, NewAuditEntry, Page, Paged, Store};
use mofang_types::{Clock, IdGenerator};
use rand::CryptoRng;
use serde_json::Value;
use tokio::task::AbortHandle;

use crate::attempts::Attempts;
use crate::index::{Index, Now};
use crate::password_hasher::PasswordHasher;
use crate::randomness::Randomness;
use crate::{AccountError, AccountSettings, Action, Principal};

pub use authentication::Credential;
pub use keys::CreateKeyRequest;
pub use registration::RegisterRequest;

/// Users, sessions, keys, roles, quotas and the audit log.
#[derive(Debug)]
pub struct Accounts {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdGenerator>,
    randomness: Randomness,
    settings: AccountSettings,
    index: Index,
    hasher: PasswordHasher,
    attempts: Attempts,
    background: std::sync::OnceLock<AbortHandle>,
}

impl Accounts {
    /// Reads everything that authentication needs and begins to follow the store's change feed.
    ///
    /// # Errors
    /// When the store fails or the settings cannot be used.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<IdGenerator>,
        randomness: Box<dyn CryptoRng + Send>,
        settings: AccountSettings,
    ) -> Result<Arc<Self>, AccountError> {
        let randomness = Randomness::new(randomness);
        let hasher = PasswordHasher::new(&settings.password_hash, &randomness).await?;
        let changes = store.changes();
        let accounts = Arc::new(Self {
            store,
            clock,
            ids,
            randomness,
            attempts: Attempts::new(settings.attempts),
            settings,
            index: Index::default(),
            hasher,
            background: std::sync::OnceLock::new(),
        });
        accounts.reload().await?;
        let task = tokio::spawn(background::run(Arc::downgrade(&accounts), changes));
        let _ = accounts.background.set(task.abort_handle());
        Ok(accounts)
    }

    /// Whether there is a user at all; without one, the next to register becomes the admin.
    pub fn has_users(&self) -> bool {
        self.index.has_users()
    }

    /// The settings.
    pub fn settings(&self) -> &AccountSettings {
        &self.settings
    }

    /// A page of the audit log, newest first.
    ///
    /// # Errors
    /// When the principal may not read it, or the store fails.
    pub async fn audit(
        &self,
        by: &Principal,
        filter: &AuditFilter,
        page: &Page,
    ) -> Result<Paged<AuditEntry>, AccountError> {
        by.authorize(Action::ReadAudit)?;
        Ok(self.store.list_audit(filter, page).await?)
    }

    /// Reads everything again from the store.
    async fn reload(&self) -> Result<(), AccountError> {
        loop {
            let generation = self.index.generation();
            let now = self.now();
            let credentials = self.store.credentials(now.unix_ms).await?;
            if self.index.install(credentials, generation, now) {
                return Ok(());
            }
        }
    }

    fn now(&self) -> Now {
        Now {
            unix_ms: self.clock.now_unix_ms(),
            monotonic: self.clock.monotonic(),
        }
    }

    fn next_id(&self) -> String {
        self.ids.next(self.clock.now_unix_ms())
    }

    /// An entry of the audit log about what `by` does now.
    fn audit_entry(
        &self,
        by: &Principal,
        action: &str,
        subject: &str,
        details: Value,
    ) -> NewAuditEntry {
        NewAuditEntry {
            id: self.next_id(),
            at_unix_ms: self.clock.now_unix_ms(),
            actor_id: by.actor_id(),
            actor: by.user_name.clone(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            details,
        }
    }
}

impl Drop for Accounts {
    fn drop(&mut self) {
        if let Some(task) = self.background.get() {
            task.abort();
        }
    }
}

/// A duration in the form in which times are stored.
fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
