//! The port for users, sessions and keys.

use async_trait::async_trait;
use mofang_types::UnixMillis;

use crate::{
    ApiKeyRecord, Credentials, NewAuditEntry, Page, Paged, PasswordHash, Role, SessionRecord,
    StoreError, UserRecord,
};

/// Users, sessions and keys. Every change but the lazy notes of last use is one transaction with
/// its audit entry.
#[async_trait]
pub trait AccountRepository {
    /// Inserts the first user; a conflict when there is one.
    async fn insert_first_user(
        &self,
        user: UserRecord,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Inserts a user.
    async fn insert_user(&self, user: UserRecord, audit: NewAuditEntry) -> Result<(), StoreError>;

    /// The user of this id.
    async fn find_user(&self, user_id: &str) -> Result<Option<UserRecord>, StoreError>;

    /// The user of this name.
    async fn find_user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError>;

    /// A page of the users, by name; continues after a name.
    async fn list_users(&self, page: &Page) -> Result<Paged<UserRecord>, StoreError>;

    /// Gives the user another role; a conflict when it would leave no admin who can log in.
    async fn set_user_role(
        &self,
        user_id: &str,
        role: Role,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Closes or opens the account. Closing it ends its sessions and revokes its keys for good; a
    /// conflict when it would leave no admin who can log in.
    async fn set_user_disabled(
        &self,
        user_id: &str,
        disabled: bool,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Gives the user another password and ends its sessions, but for the one to keep.
    async fn set_password(
        &self,
        user_id: &str,
        password_hash: PasswordHash,
        keep_session: Option<&str>,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Stores the same password under a stronger hash; sessions go on. Nothing happens when the
    /// stored hash is no longer `old`.
    async fn strengthen_password_hash(
        &self,
        user_id: &str,
        old: &PasswordHash,
        new: PasswordHash,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Opens a session; not found when the user does not exist or is disabled.
    async fn insert_session(
        &self,
        session: SessionRecord,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Ends a session.
    async fn delete_session(
        &self,
        session_id: &str,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// The user's sessions that have not expired, newest first.
    async fn list_sessions(
        &self,
        user_id: &str,
        now_unix_ms: UnixMillis,
    ) -> Result<Vec<SessionRecord>, StoreError>;

    /// Removes sessions that were last used before `idle_before` or that end before `now_unix_ms`,
    /// and returns how many.
    async fn delete_expired_sessions(
        &self,
        now_unix_ms: UnixMillis,
        idle_before_unix_ms: UnixMillis,
    ) -> Result<u64, StoreError>;

    /// Inserts a key; not found when the user does not exist or is disabled.
    async fn insert_key(&self, key: ApiKeyRecord, audit: NewAuditEntry) -> Result<(), StoreError>;

    /// The key of this id, revoked or not.
    async fn find_key(&self, key_id: &str) -> Result<Option<ApiKeyRecord>, StoreError>;

    /// A page of keys, newest first, of one user or of all; continues below an id.
    async fn list_keys(
        &self,
        user_id: Option<&str>,
        page: &Page,
    ) -> Result<Paged<ApiKeyRecord>, StoreError>;

    /// Revokes a key for good; not found when it does not exist or is revoked already.
    async fn revoke_key(
        &self,
        key_id: &str,
        revoked_unix_ms: UnixMillis,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Notes when keys and sessions were last used; an id that is gone is passed over.
    async fn note_last_used(
        &self,
        keys: &[(String, UnixMillis)],
        sessions: &[(String, UnixMillis)],
    ) -> Result<(), StoreError>;

    /// Every user, live session and live key, at one point in time.
    async fn credentials(&self, now_unix_ms: UnixMillis) -> Result<Credentials, StoreError>;
}
