//! Statements about models.

use mofang_types::{AliasName, ModelName, UnixMillis};
use sqlx::{Row as _, SqliteConnection};

use super::failure::Failure;
use super::rows;
use crate::{ModelRecord, ModelSummary, Page, Paged, StoreError};

pub(super) fn not_found(model: &ModelName) -> Failure {
    StoreError::NotFound {
        kind: "model",
        name: model.to_string(),
    }
    .into()
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    model: &ModelName,
) -> Result<Option<ModelRecord>, Failure> {
    sqlx::query(
        "SELECT id, name, created_unix_ms, created_by FROM models \
         WHERE name = $1 AND deleted_unix_ms IS NULL",
    )
    .bind(model.as_str())
    .fetch_optional(connection)
    .await?
    .map(|row| rows::model(&row))
    .transpose()
}

pub(super) async fn id_of(
    connection: &mut SqliteConnection,
    model: &ModelName,
) -> Result<String, Failure> {
    find(connection, model)
        .await?
        .map(|record| record.id)
        .ok_or_else(|| not_found(model))
}

/// The id of the model, made or revived when need be, and the next number of its versions.
pub(super) async fn next_number(
    connection: &mut SqliteConnection,
    model: &ModelName,
    id_when_new: &str,
    now: UnixMillis,
    created_by: &str,
) -> Result<(String, u32), Failure> {
    // The row of a deleted model is still there, with the number to continue from.
    let row = sqlx::query(
        "INSERT INTO models (id, name, last_number, created_unix_ms, created_by) \
         VALUES ($1, $2, 1, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET \
             last_number = models.last_number + 1, \
             created_unix_ms = CASE WHEN models.deleted_unix_ms IS NULL \
                 THEN models.created_unix_ms ELSE excluded.created_unix_ms END, \
             created_by = CASE WHEN models.deleted_unix_ms IS NULL \
                 THEN models.created_by ELSE excluded.created_by END, \
             deleted_unix_ms = NULL \
         RETURNING id, last_number",
    )
    .bind(id_when_new)
    .bind(model.as_str())
    .bind(now)
    .bind(created_by)
    .fetch_one(connection)
    .await?;
    Ok((row.try_get("id")?, rows::integer(&row, "last_number")?))
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    page: &Page,
) -> Result<Paged<ModelSummary>, Failure> {
    let after = page.after.as_deref().unwrap_or("");
    let limit = page.limit_clamped();
    let found = sqlx::query(
        "SELECT id, name, created_unix_ms, created_by, \
             (SELECT MAX(number) FROM versions WHERE model_id = models.id) AS latest_number, \
             (SELECT COUNT(*) FROM versions WHERE model_id = models.id) AS version_count \
         FROM models WHERE deleted_unix_ms IS NULL AND name > $1 ORDER BY name LIMIT $2",
    )
    .bind(after)
    .bind(i64::from(limit) + 1)
    .fetch_all(&mut *connection)
    .await?;
    let more = found.len() > limit as usize;
    let mut items = Vec::with_capacity(found.len());
    for row in found.iter().take(limit as usize) {
        items.push(ModelSummary {
            model: rows::model(row)?,
            latest_number: rows::optional_integer(row, "latest_number")?,
            version_count: rows::integer(row, "version_count")?,
            aliases: Vec::new(),
        });
    }
    let Some(last) = items.last().map(|item| item.model.name.clone()) else {
        return Ok(Paged { items, next: None });
    };
    let aliases = sqlx::query(
        "SELECT models.name AS name, aliases.alias AS alias, versions.number AS number \
         FROM models \
         JOIN aliases ON aliases.model_id = models.id \
         JOIN versions ON versions.id = aliases.version_id \
         WHERE models.deleted_unix_ms IS NULL AND models.name > $1 AND models.name <= $2 \
         ORDER BY models.name, aliases.alias",
    )
    .bind(after)
    .bind(last.as_str())
    .fetch_all(connection)
    .await?;
    // Both listings are sorted by name, so one pass joins them.
    let mut models = items.iter_mut().peekable();
    for row in &aliases {
        let name: ModelName = rows::parsed(row, "name")?;
        while models.next_if(|item| item.model.name != name).is_some() {}
        if let Some(item) = models.peek_mut() {
            let alias: AliasName = rows::parsed(row, "alias")?;
            item.aliases.push((alias, rows::integer(row, "number")?));
        }
    }
    Ok(Paged {
        items,
        next: more.then(|| last.into()),
    })
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    model: &ModelName,
    now: UnixMillis,
) -> Result<(), Failure> {
    let id = id_of(connection, model).await?;
    for statement in [
        "DELETE FROM aliases WHERE model_id = $1",
        "DELETE FROM versions WHERE model_id = $1",
    ] {
        sqlx::query(statement)
            .bind(&id)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("UPDATE models SET deleted_unix_ms = $2 WHERE id = $1")
        .bind(&id)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}
