//! The port for users, sessions and keys, over SQLite.

use async_trait::async_trait;
use mofang_types::UnixMillis;
use sqlx::SqliteConnection;

use super::failure::Failure;
use super::{Feed, SqliteStore, rows, users};
use crate::{
    AccountRepository, ApiKeyRecord, Credentials, NewAuditEntry, Page, Paged, PasswordHash, Role,
    SessionRecord, StoreError, UserRecord,
};

#[async_trait]
impl AccountRepository for SqliteStore {
    async fn insert_first_user(
        &self,
        user: UserRecord,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        self.write_audited("insert the first user", Feed::Moves, audit, |connection| {
            Box::pin(async move { users::insert_first(connection, &user).await })
        })
        .await
    }

    async fn insert_user(&self, user: UserRecord, audit: NewAuditEntry) -> Result<(), StoreError> {
        self.write_audited("insert a user", Feed::Moves, audit, |connection| {
            Box::pin(async move { users::insert(connection, &user).await })
        })
        .await
    }

    async fn find_user(&self, user_id: &str) -> Result<Option<UserRecord>, StoreError> {
        self.read("find a user", async {
            users::find(&mut *self.snapshot().await?, user_id).await
        })
        .await
    }

    async fn find_user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        self.read("find a user", async {
            users::find_by_name(&mut *self.snapshot().await?, name).await
        })
        .await
    }

    async fn list_users(&self, page: &Page) -> Result<Paged<UserRecord>, StoreError> {
        self.read("list the users", async {
            users::list(&mut *self.snapshot().await?, page).await
        })
        .await
    }

    async fn set_user_role(
        &self,
        user_id: &str,
        role: Role,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let user_id = user_id.to_owned();
        self.write_audited("set a role", Feed::Moves, audit, move |connection| {
            Box::pin(async move { users::set_role(connection, &user_id, role).await })
        })
        .await
    }

    async fn set_user_disabled(
        &self,
        user_id: &str,
        disabled: bool,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let user_id = user_id.to_owned();
        let now = self.clock.now_unix_ms();
        self.write_audited("close an account", Feed::Moves, audit, move |connection| {
            Box::pin(async move { users::set_disabled(connection, &user_id, disabled, now).await })
        })
        .await
    }

    async fn set_password(
        &self,
        user_id: &str,
        password_hash: PasswordHash,
        keep_session: Option<&str>,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let user_id = user_id.to_owned();
        let keep_session = keep_session.unwrap_or_default().to_owned();
        self.write_audited("set a password", Feed::Moves, audit, move |connection| {
            Box::pin(async move {
                let changed = sqlx::query("UPDATE users SET password_hash = $2 WHERE id = $1")
                    .bind(&user_id)
                    .bind(password_hash.as_str())
                    .execute(&mut *connection)
                    .await?;
                if changed.rows_affected() == 0 {
                    return Err(users::not_found(&user_id));
                }
                sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND id <> $2")
                    .bind(&user_id)
                    .bind(&keep_session)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn strengthen_password_hash(
        &self,
        user_id: &str,
        old: &PasswordHash,
        new: PasswordHash,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let (user_id, old) = (user_id.to_owned(), old.clone());
        self.write_audited("strengthen a hash", Feed::Stays, audit, move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
                )
                .bind(&user_id)
                .bind(old.as_str())
                .bind(new.as_str())
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn insert_session(
        &self,
        session: SessionRecord,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        self.write_audited("open a session", Feed::Moves, audit, |connection| {
            Box::pin(async move { insert_session(connection, &session).await })
        })
        .await
    }

    async fn delete_session(
        &self,
        session_id: &str,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let session_id = session_id.to_owned();
        self.write_audited("end a session", Feed::Moves, audit, move |connection| {
            Box::pin(async move {
                let changed = sqlx::query("DELETE FROM sessions WHERE id = $1")
                    .bind(&session_id)
                    .execute(connection)
                    .await?;
                if changed.rows_affected() == 0 {
                    return Err(StoreError::NotFound {
                        kind: "session",
                        name: session_id,
                    }
                    .into());
                }
                Ok(())
            })
        })
        .await
    }

    async fn list_sessions(
        &self,
        user_id: &str,
        now_unix_ms: UnixMillis,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        self.read("list the sessions", async {
            let mut snapshot = self.snapshot().await?;
            sqlx::query(
                "SELECT * FROM sessions WHERE user_id = $1 AND expires_unix_ms > $2 \
                     ORDER BY id DESC",
            )
            .bind(user_id)
            .bind(now_unix_ms)
            .fetch_all(&mut *snapshot)
            .await?
            .iter()
            .map(rows::session)
            .collect()
        })
        .await
    }

    async fn delete_expired_sessions(
        &self,
        now_unix_ms: UnixMillis,
        idle_before_unix_ms: UnixMillis,
    ) -> Result<u64, StoreError> {
        // What has expired is refused already, so nobody needs to hear of it.
        self.write("remove sessions", Feed::Stays, move |connection| {
            Box::pin(async move {
                let changed = sqlx::query(
                    "DELETE FROM sessions WHERE expires_unix_ms <= $1 OR last_used_unix_ms < $2",
                )
                .bind(now_unix_ms)
                .bind(idle_before_unix_ms)
                .execute(connection)
                .await?;
                Ok(changed.rows_affected())
            })
        })
        .await
    }

    async fn insert_key(&self, key: ApiKeyRecord, audit: NewAuditEntry) -> Result<(), StoreError> {
        self.write_audited("insert a key", Feed::Moves, audit, |connection| {
            Box::pin(async move { insert_key(connection, &key).await })
        })
        .await
    }

    async fn find_key(&self, key_id: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.read("find a key", async {
            let mut snapshot = self.snapshot().await?;
            sqlx::query("SELECT * FROM api_keys WHERE id = $1")
                .bind(key_id)
                .fetch_optional(&mut *snapshot)
                .await?
                .map(|row| rows::api_key(&row))
                .transpose()
        })
        .await
    }

    async fn list_keys(
        &self,
        user_id: Option<&str>,
        page: &Page,
    ) -> Result<Paged<ApiKeyRecord>, StoreError> {
        self.read("list the keys", async {
            list_keys(&mut *self.snapshot().await?, user_id, page).await
        })
        .await
    }

    async fn revoke_key(
        &self,
        key_id: &str,
        revoked_unix_ms: UnixMillis,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let key_id = key_id.to_owned();
        self.write_audited("revoke a key", Feed::Moves, audit, move |connection| {
            Box::pin(async move {
                let changed = sqlx::query(
                    "UPDATE api_keys SET revoked_unix_ms = $2 \
                     WHERE id = $1 AND revoked_unix_ms IS NULL",
                )
                .bind(&key_id)
                .bind(revoked_unix_ms)
                .execute(connection)
                .await?;
                if changed.rows_affected() == 0 {
                    return Err(StoreError::NotFound {
                        kind: "key",
                        name: key_id,
                    }
                    .into());
                }
                Ok(())
            })
        })
        .await
    }

    async fn note_last_used(
        &self,
        keys: &[(String, UnixMillis)],
        sessions: &[(String, UnixMillis)],
    ) -> Result<(), StoreError> {
        let (keys, sessions) = (keys.to_vec(), sessions.to_vec());
        self.write("note what was used", Feed::Stays, move |connection| {
            Box::pin(async move {
                for (statement, used) in [
                    (
                        "UPDATE api_keys SET last_used_unix_ms = $2 \
                         WHERE id = $1 AND COALESCE(last_used_unix_ms, 0) < $2",
                        keys,
                    ),
                    (
                        "UPDATE sessions SET last_used_unix_ms = $2 \
                         WHERE id = $1 AND last_used_unix_ms < $2",
                        sessions,
                    ),
                ] {
                    for (id, at) in used {
                        sqlx::query(statement)
                            .bind(id)
                            .bind(at)
                            .execute(&mut *connection)
                            .await?;
                    }
                }
                Ok(())
            })
        })
        .await
    }

    async fn credentials(&self, now_unix_ms: UnixMillis) -> Result<Credentials, StoreError> {
        self.read("read the credentials", async {
            credentials(&mut *self.snapshot().await?, now_unix_ms).await
        })
        .await
    }
}

async fn insert_session(
    connection: &mut SqliteConnection,
    session: &SessionRecord,
) -> Result<(), Failure> {
    users::find_enabled(connection, &session.user_id).await?;
    sqlx::query(
        "INSERT INTO sessions (id, user_id, token_digest, csrf_digest, address, created_unix_ms, \
             last_used_unix_ms, expires_unix_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&session.id)
    .bind(&session.user_id)
    .bind(rows::to_hex(&session.token_digest))
    .bind(rows::to_hex(&session.csrf_digest))
    .bind(&session.address)
    .bind(session.created_unix_ms)
    .bind(session.last_used_unix_ms)
    .bind(session.expires_unix_ms)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_key(connection: &mut SqliteConnection, key: &ApiKeyRecord) -> Result<(), Failure> {
    users::find_enabled(connection, &key.user_id).await?;
    sqlx::query(
        "INSERT INTO api_keys (id, user_id, name, key_digest, last_four, scopes, \
             requests_per_minute, created_unix_ms, expires_unix_ms, last_used_unix_ms, \
             revoked_unix_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&key.id)
    .bind(&key.user_id)
    .bind(&key.name)
    .bind(rows::to_hex(&key.key_digest))
    .bind(&key.last_four)
    .bind(rows::to_json("scopes", &key.scopes)?)
    .bind(key.requests_per_minute.map(i64::from))
    .bind(key.created_unix_ms)
    .bind(key.expires_unix_ms)
    .bind(key.last_used_unix_ms)
    .bind(key.revoked_unix_ms)
    .execute(connection)
    .await?;
    Ok(())
}

async fn list_keys(
    connection: &mut SqliteConnection,
    user_id: Option<&str>,
    page: &Page,
) -> Result<Paged<ApiKeyRecord>, Failure> {
    let limit = page.limit_clamped();
    // '~' sorts behind every id.
    let below = page.after.as_deref().unwrap_or("~");
    let query = match user_id {
        Some(user_id) => sqlx::query(
            "SELECT * FROM api_keys WHERE id < $1 AND user_id = $3 ORDER BY id DESC LIMIT $2",
        )
        .bind(below)
        .bind(i64::from(limit) + 1)
        .bind(user_id),
        None => sqlx::query("SELECT * FROM api_keys WHERE id < $1 ORDER BY id DESC LIMIT $2")
            .bind(below)
            .bind(i64::from(limit) + 1),
    };
    let found = query.fetch_all(connection).await?;
    let items: Vec<ApiKeyRecord> = found
        .iter()
        .take(limit as usize)
        .map(rows::api_key)
        .collect::<Result<_, _>>()?;
    let next = items
        .last()
        .filter(|_| found.len() > limit as usize)
        .map(|key| key.id.clone());
    Ok(Paged { items, next })
}

async fn credentials(
    connection: &mut SqliteConnection,
    now: UnixMillis,
) -> Result<Credentials, Failure> {
    let users = sqlx::query("SELECT * FROM users")
        .fetch_all(&mut *connection)
        .await?;
    let sessions = sqlx::query("SELECT * FROM sessions WHERE expires_unix_ms > $1")
        .bind(now)
        .fetch_all(&mut *connection)
        .await?;
    let keys = sqlx::query("SELECT * FROM api_keys WHERE revoked_unix_ms IS NULL")
        .fetch_all(connection)
        .await?;
    Ok(Credentials {
        users: users.iter().map(rows::user).collect::<Result<_, _>>()?,
        sessions: sessions
            .iter()
            .map(rows::session)
            .collect::<Result<_, _>>()?,
        keys: keys.iter().map(rows::api_key).collect::<Result<_, _>>()?,
    })
}
