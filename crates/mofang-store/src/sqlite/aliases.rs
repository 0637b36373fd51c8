//! Statements about aliases and the history of their moves.

use mofang_types::{AliasName, ModelName, UnixMillis};
use sqlx::{Row as _, SqliteConnection};

use super::failure::Failure;
use super::{models, rows, versions};
use crate::{AliasMove, AliasRecord, Page, Paged, SetAlias, StoreError};

fn not_found(model: &ModelName, alias: &AliasName) -> Failure {
    StoreError::NotFound {
        kind: "alias",
        name: format!("{model}@{alias}"),
    }
    .into()
}

/// The number that the alias names now.
async fn current_number(
    connection: &mut SqliteConnection,
    model_id: &str,
    alias: &AliasName,
) -> Result<Option<u32>, Failure> {
    sqlx::query(
        "SELECT versions.number AS number FROM aliases \
         JOIN versions ON versions.id = aliases.version_id \
         WHERE aliases.model_id = $1 AND aliases.alias = $2",
    )
    .bind(model_id)
    .bind(alias.as_str())
    .fetch_optional(connection)
    .await?
    .map(|row| rows::integer(&row, "number"))
    .transpose()
}

/// Writes down a move and returns it with its position.
async fn record_move(
    connection: &mut SqliteConnection,
    model_id: &str,
    mut moved: AliasMove,
) -> Result<AliasMove, Failure> {
    let row = sqlx::query(
        "INSERT INTO alias_moves (model_id, alias, position, from_number, to_number, \
             moved_unix_ms, moved_by) \
         SELECT $1, $2, COALESCE(MAX(position), 0) + 1, $3, $4, $5, $6 FROM alias_moves \
         WHERE model_id = $1 AND alias = $2 \
         RETURNING position",
    )
    .bind(model_id)
    .bind(moved.alias.as_str())
    .bind(moved.from_number.map(i64::from))
    .bind(moved.to_number.map(i64::from))
    .bind(moved.moved_unix_ms)
    .bind(&moved.moved_by)
    .fetch_one(connection)
    .await?;
    moved.position = rows::integer(&row, "position")?;
    Ok(moved)
}

pub(super) async fn set(
    connection: &mut SqliteConnection,
    wish: &SetAlias,
) -> Result<AliasMove, Failure> {
    let SetAlias { model, alias, .. } = wish;
    let model_id = models::id_of(connection, model).await?;
    let version = sqlx::query("SELECT id FROM versions WHERE model_id = $1 AND number = $2")
        .bind(&model_id)
        .bind(i64::from(wish.number))
        .fetch_optional(&mut *connection)
        .await?
        .ok_or_else(|| versions::not_found(format!("{model}@{}", wish.number)))?;
    let version_id: String = version.try_get("id")?;
    let from_number = current_number(connection, &model_id, alias).await?;
    if let Some(expected) = wish.expected_number
        && from_number != Some(expected)
    {
        let now = from_number.map_or("nothing".to_owned(), |number| format!("{model}@{number}"));
        return Err(StoreError::Conflict {
            reason: format!(
                "the alias {model}@{alias} was moved meanwhile: it names {now}, not \
                 {model}@{expected}; look at it and try again"
            ),
        }
        .into());
    }
    sqlx::query(
        "INSERT INTO aliases (model_id, alias, version_id, moved_unix_ms, moved_by) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (model_id, alias) DO UPDATE SET version_id = excluded.version_id, \
             moved_unix_ms = excluded.moved_unix_ms, moved_by = excluded.moved_by",
    )
    .bind(&model_id)
    .bind(alias.as_str())
    .bind(version_id)
    .bind(wish.moved_unix_ms)
    .bind(&wish.moved_by)
    .execute(&mut *connection)
    .await?;
    let moved = AliasMove {
        model: model.clone(),
        alias: alias.clone(),
        position: 0,
        from_number,
        to_number: Some(wish.number),
        moved_unix_ms: wish.moved_unix_ms,
        moved_by: wish.moved_by.clone(),
    };
    record_move(connection, &model_id, moved).await
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    model: &ModelName,
    alias: &AliasName,
    moved_unix_ms: UnixMillis,
    moved_by: &str,
) -> Result<AliasMove, Failure> {
    let model_id = models::id_of(connection, model).await?;
    let from_number = current_number(connection, &model_id, alias)
        .await?
        .ok_or_else(|| not_found(model, alias))?;
    sqlx::query("DELETE FROM aliases WHERE model_id = $1 AND alias = $2")
        .bind(&model_id)
        .bind(alias.as_str())
        .execute(&mut *connection)
        .await?;
    let moved = AliasMove {
        model: model.clone(),
        alias: alias.clone(),
        position: 0,
        from_number: Some(from_number),
        to_number: None,
        moved_unix_ms,
        moved_by: moved_by.to_owned(),
    };
    record_move(connection, &model_id, moved).await
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    model: &ModelName,
) -> Result<Vec<AliasRecord>, Failure> {
    let model_id = models::id_of(connection, model).await?;
    sqlx::query(
        "SELECT aliases.alias AS alias, aliases.version_id AS version_id, \
             versions.number AS number, aliases.moved_unix_ms AS moved_unix_ms, \
             aliases.moved_by AS moved_by \
         FROM aliases JOIN versions ON versions.id = aliases.version_id \
         WHERE aliases.model_id = $1 ORDER BY aliases.alias",
    )
    .bind(model_id)
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| rows::alias(row, model))
    .collect()
}

pub(super) async fn history(
    connection: &mut SqliteConnection,
    model: &ModelName,
    alias: &AliasName,
    page: &Page,
) -> Result<Paged<AliasMove>, Failure> {
    let model_id = models::id_of(connection, model).await?;
    let limit = page.limit_clamped();
    let found = sqlx::query(
        "SELECT alias, position, from_number, to_number, moved_unix_ms, moved_by \
         FROM alias_moves WHERE model_id = $1 AND alias = $2 AND position < $3 \
         ORDER BY position DESC LIMIT $4",
    )
    .bind(model_id)
    .bind(alias.as_str())
    .bind(versions::below(page)?)
    .bind(i64::from(limit) + 1)
    .fetch_all(connection)
    .await?;
    if found.is_empty() && page.after.is_none() {
        return Err(not_found(model, alias));
    }
    let items: Vec<AliasMove> = found
        .iter()
        .take(limit as usize)
        .map(|row| rows::alias_move(row, model))
        .collect::<Result<_, _>>()?;
    let next = versions::next_below(found.len(), limit, items.last().map(|item| item.position));
    Ok(Paged { items, next })
}
