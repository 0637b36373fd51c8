//! Statements about versions.

use std::collections::{BTreeMap, BTreeSet};

use mofang_types::{AliasName, ArtifactDigest, ModelName};
use sqlx::{Row as _, SqliteConnection};

use super::failure::Failure;
use super::{models, rows};
use crate::{NewVersion, Page, Paged, RouteRecord, StoreError, VersionRecord, VersionStatus};

pub(super) fn not_found(name: String) -> Failure {
    StoreError::NotFound {
        kind: "version",
        name,
    }
    .into()
}

/// Inserts the version and returns it with the id of its model.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    version: &NewVersion,
) -> Result<(VersionRecord, String), Failure> {
    let (model_id, number) = models::next_number(
        connection,
        &version.model,
        &version.model_id,
        version.created_unix_ms,
        &version.created_by,
    )
    .await?;
    sqlx::query(
        "INSERT INTO versions (id, model_id, number, package_digest, status, task, metrics, \
             size_bytes, tags, created_unix_ms, created_by, note) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&version.id)
    .bind(&model_id)
    .bind(i64::from(number))
    .bind(version.package_digest.to_string())
    .bind(VersionStatus::Ready.as_str())
    .bind(rows::to_json("task", &version.task)?)
    .bind(rows::to_json("metrics", &version.metrics)?)
    .bind(rows::stored("size_bytes", version.size_bytes)?)
    .bind(rows::to_json("tags", &version.tags)?)
    .bind(version.created_unix_ms)
    .bind(&version.created_by)
    .bind(&version.note)
    .execute(connection)
    .await?;
    let record = VersionRecord {
        id: version.id.clone(),
        model: version.model.clone(),
        number,
        package_digest: version.package_digest,
        status: VersionStatus::Ready,
        status_reason: None,
        task: version.task,
        metrics: version.metrics.clone(),
        size_bytes: version.size_bytes,
        tags: version.tags.clone(),
        created_unix_ms: version.created_unix_ms,
        created_by: version.created_by.clone(),
        note: version.note.clone(),
    };
    Ok((record, model_id))
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    model: &ModelName,
    number: u32,
) -> Result<Option<VersionRecord>, Failure> {
    sqlx::query(
        "SELECT versions.* FROM versions JOIN models ON models.id = versions.model_id \
         WHERE models.name = $1 AND versions.number = $2",
    )
    .bind(model.as_str())
    .bind(i64::from(number))
    .fetch_optional(connection)
    .await?
    .map(|row| rows::version(&row, model))
    .transpose()
}

pub(super) async fn latest(
    connection: &mut SqliteConnection,
    model: &ModelName,
) -> Result<Option<VersionRecord>, Failure> {
    sqlx::query(
        "SELECT versions.* FROM versions JOIN models ON models.id = versions.model_id \
         WHERE models.name = $1 ORDER BY versions.number DESC LIMIT 1",
    )
    .bind(model.as_str())
    .fetch_optional(connection)
    .await?
    .map(|row| rows::version(&row, model))
    .transpose()
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    model: &ModelName,
    page: &Page,
) -> Result<Paged<VersionRecord>, Failure> {
    let model_id = models::id_of(connection, model).await?;
    let limit = page.limit_clamped();
    let found = sqlx::query(
        "SELECT * FROM versions WHERE model_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3",
    )
    .bind(model_id)
    .bind(below(page)?)
    .bind(i64::from(limit) + 1)
    .fetch_all(connection)
    .await?;
    let items: Vec<VersionRecord> = found
        .iter()
        .take(limit as usize)
        .map(|row| rows::version(row, model))
        .collect::<Result<_, _>>()?;
    let next = next_below(found.len(), limit, items.last().map(|item| item.number));
    Ok(Paged { items, next })
}

/// The number that a page of descending numbers lies below.
pub(super) fn below(page: &Page) -> Result<i64, Failure> {
    match &page.after {
        None => Ok(i64::MAX),
        Some(after) => after.parse().map_err(|_| {
            StoreError::InvalidPosition {
                after: after.chars().take(80).collect(),
            }
            .into()
        }),
    }
}

/// Where the next page of descending numbers begins.
pub(super) fn next_below(found: usize, limit: u32, last: Option<impl ToString>) -> Option<String> {
    last.filter(|_| found > limit as usize)
        .map(|last| last.to_string())
}

pub(super) async fn set_status(
    connection: &mut SqliteConnection,
    version_id: &str,
    status: VersionStatus,
    reason: Option<&str>,
) -> Result<(), Failure> {
    let changed = sqlx::query("UPDATE versions SET status = $2, status_reason = $3 WHERE id = $1")
        .bind(version_id)
        .bind(status.as_str())
        .bind(reason)
        .execute(connection)
        .await?;
    if changed.rows_affected() == 0 {
        return Err(not_found(version_id.to_owned()));
    }
    Ok(())
}

/// Reads the version's tags, lets `change` change them, and writes them back.
pub(super) async fn change_tags(
    connection: &mut SqliteConnection,
    version_id: &str,
    change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let row = sqlx::query("SELECT tags FROM versions WHERE id = $1")
        .bind(version_id)
        .fetch_optional(&mut *connection)
        .await?
        .ok_or_else(|| not_found(version_id.to_owned()))?;
    let mut tags = rows::json(&row, "tags")?;
    change(&mut tags)?;
    sqlx::query("UPDATE versions SET tags = $2 WHERE id = $1")
        .bind(version_id)
        .bind(rows::to_json("tags", &tags)?)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    model: &ModelName,
    number: u32,
) -> Result<(), Failure> {
    let version = find(connection, model, number)
        .await?
        .ok_or_else(|| not_found(format!("{model}@{number}")))?;
    let alias =
        sqlx::query("SELECT alias FROM aliases WHERE version_id = $1 ORDER BY alias LIMIT 1")
            .bind(&version.id)
            .fetch_optional(&mut *connection)
            .await?;
    if let Some(row) = alias {
        let alias: String = row.try_get("alias")?;
        return Err(StoreError::Conflict {
            reason: format!(
                "{model}@{number} is named by the alias \"{alias}\"; move or delete the alias first"
            ),
        }
        .into());
    }
    sqlx::query("DELETE FROM versions WHERE id = $1")
        .bind(&version.id)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn live_package_digests(
    connection: &mut SqliteConnection,
) -> Result<BTreeSet<ArtifactDigest>, Failure> {
    sqlx::query("SELECT DISTINCT package_digest FROM versions")
        .fetch_all(connection)
        .await?
        .iter()
        .map(rows::digest)
        .collect()
}

pub(super) async fn routes(connection: &mut SqliteConnection) -> Result<Vec<RouteRecord>, Failure> {
    let found = sqlx::query(
        "SELECT models.name AS name, versions.number AS number, versions.id AS id, \
             versions.package_digest AS package_digest, versions.status AS status, \
             versions.status_reason AS status_reason \
         FROM versions JOIN models ON models.id = versions.model_id \
         ORDER BY models.name, versions.number",
    )
    .fetch_all(&mut *connection)
    .await?;
    let aliases = sqlx::query("SELECT version_id, alias FROM aliases ORDER BY alias")
        .fetch_all(connection)
        .await?;
    let mut by_version: BTreeMap<String, Vec<AliasName>> = BTreeMap::new();
    for row in &aliases {
        by_version
            .entry(row.try_get("version_id")?)
            .or_default()
            .push(rows::parsed(row, "alias")?);
    }
    found
        .iter()
        .map(|row| {
            let mut route = rows::route(row)?;
            route.aliases = by_version.remove(&route.version_id).unwrap_or_default();
            Ok(route)
        })
        .collect()
}
