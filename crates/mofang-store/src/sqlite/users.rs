//! Statements about users.

use mofang_types::UnixMillis;
use sqlx::{Row as _, SqliteConnection};

use super::failure::Failure;
use super::rows;
use crate::{Page, Paged, Role, StoreError, UserRecord};

pub(super) fn not_found(name: &str) -> Failure {
    StoreError::NotFound {
        kind: "user",
        name: name.to_owned(),
    }
    .into()
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    user: &UserRecord,
) -> Result<(), Failure> {
    if find_by_name(connection, &user.name).await?.is_some() {
        return Err(StoreError::AlreadyExists {
            kind: "user",
            name: user.name.clone(),
        }
        .into());
    }
    sqlx::query(
        "INSERT INTO users (id, name, role, password_hash, disabled, created_unix_ms) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&user.id)
    .bind(&user.name)
    .bind(user.role.as_str())
    .bind(user.password_hash.as_str())
    .bind(user.disabled)
    .bind(user.created_unix_ms)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn insert_first(
    connection: &mut SqliteConnection,
    user: &UserRecord,
) -> Result<(), Failure> {
    let count: i64 = sqlx::query("SELECT COUNT(*) FROM users")
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    if count > 0 {
        return Err(StoreError::Conflict {
            reason: "there is a first user already; ask an admin for an account".to_owned(),
        }
        .into());
    }
    insert(connection, user).await
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    user_id: &str,
) -> Result<Option<UserRecord>, Failure> {
    sqlx::query("SELECT * FROM users WHERE id = $1")
        .bind(user_id)
        .fetch_optional(connection)
        .await?
        .map(|row| rows::user(&row))
        .transpose()
}

pub(super) async fn find_by_name(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Option<UserRecord>, Failure> {
    sqlx::query("SELECT * FROM users WHERE name = $1")
        .bind(name)
        .fetch_optional(connection)
        .await?
        .map(|row| rows::user(&row))
        .transpose()
}

/// The user, when the account is open.
pub(super) async fn find_enabled(
    connection: &mut SqliteConnection,
    user_id: &str,
) -> Result<UserRecord, Failure> {
    find(connection, user_id)
        .await?
        .filter(|user| !user.disabled)
        .ok_or_else(|| not_found(user_id))
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    page: &Page,
) -> Result<Paged<UserRecord>, Failure> {
    let limit = page.limit_clamped();
    let found = sqlx::query("SELECT * FROM users WHERE name > $1 ORDER BY name LIMIT $2")
        .bind(page.after.as_deref().unwrap_or(""))
        .bind(i64::from(limit) + 1)
        .fetch_all(connection)
        .await?;
    let items: Vec<UserRecord> = found
        .iter()
        .take(limit as usize)
        .map(rows::user)
        .collect::<Result<_, _>>()?;
    let next = items
        .last()
        .filter(|_| found.len() > limit as usize)
        .map(|user| user.name.clone());
    Ok(Paged { items, next })
}

/// A conflict when the user is the only admin with an open account.
async fn check_not_last_admin(
    connection: &mut SqliteConnection,
    user: &UserRecord,
) -> Result<(), Failure> {
    if user.role != Role::Admin || user.disabled {
        return Ok(());
    }
    let others: i64 =
        sqlx::query("SELECT COUNT(*) FROM users WHERE role = $1 AND NOT disabled AND id <> $2")
            .bind(Role::Admin.as_str())
            .bind(&user.id)
            .fetch_one(connection)
            .await?
            .try_get(0)?;
    if others > 0 {
        return Ok(());
    }
    Err(StoreError::Conflict {
        reason: format!(
            "\"{}\" is the last admin; make another user an admin first",
            user.name
        ),
    }
    .into())
}

pub(super) async fn set_role(
    connection: &mut SqliteConnection,
    user_id: &str,
    role: Role,
) -> Result<(), Failure> {
    let user = find(connection, user_id)
        .await?
        .ok_or_else(|| not_found(user_id))?;
    if role != Role::Admin {
        check_not_last_admin(connection, &user).await?;
    }
    sqlx::query("UPDATE users SET role = $2 WHERE id = $1")
        .bind(user_id)
        .bind(role.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn set_disabled(
    connection: &mut SqliteConnection,
    user_id: &str,
    disabled: bool,
    now: UnixMillis,
) -> Result<(), Failure> {
    let user = find(connection, user_id)
        .await?
        .ok_or_else(|| not_found(user_id))?;
    if disabled {
        check_not_last_admin(connection, &user).await?;
        sqlx::query("DELETE FROM sessions WHERE user_id = $1")
            .bind(user_id)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "UPDATE api_keys SET revoked_unix_ms = $2 WHERE user_id = $1 AND revoked_unix_ms IS NULL",
        )
        .bind(user_id)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query("UPDATE users SET disabled = $2 WHERE id = $1")
        .bind(user_id)
        .bind(disabled)
        .execute(connection)
        .await?;
    Ok(())
}
