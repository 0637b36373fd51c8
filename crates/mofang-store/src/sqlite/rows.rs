//! From rows to records.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use mofang_types::{ArtifactDigest, ModelName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::failure::Failure;
use crate::{
    AliasMove, AliasRecord, ApiKeyRecord, AuditEntry, ModelRecord, PasswordHash, RouteRecord,
    SecretDigest, SessionRecord, UserRecord, VersionRecord, VersionStatus,
};

type Decoded<T> = Result<T, Failure>;

pub(super) fn model(row: &SqliteRow) -> Decoded<ModelRecord> {
    Ok(ModelRecord {
        id: row.try_get("id")?,
        name: parsed(row, "name")?,
        created_unix_ms: row.try_get("created_unix_ms")?,
        created_by: row.try_get("created_by")?,
    })
}

pub(super) fn version(row: &SqliteRow, model: &ModelName) -> Decoded<VersionRecord> {
    Ok(VersionRecord {
        id: row.try_get("id")?,
        model: model.clone(),
        number: integer(row, "number")?,
        package_digest: digest(row)?,
        status: status(row)?,
        status_reason: row.try_get("status_reason")?,
        task: json(row, "task")?,
        metrics: json(row, "metrics")?,
        size_bytes: integer(row, "size_bytes")?,
        tags: json(row, "tags")?,
        created_unix_ms: row.try_get("created_unix_ms")?,
        created_by: row.try_get("created_by")?,
        note: row.try_get("note")?,
    })
}

pub(super) fn route(row: &SqliteRow) -> Decoded<RouteRecord> {
    Ok(RouteRecord {
        model: parsed(row, "name")?,
        number: integer(row, "number")?,
        version_id: row.try_get("id")?,
        package_digest: digest(row)?,
        status: status(row)?,
        status_reason: row.try_get("status_reason")?,
        aliases: Vec::new(),
    })
}

pub(super) fn alias(row: &SqliteRow, model: &ModelName) -> Decoded<AliasRecord> {
    Ok(AliasRecord {
        model: model.clone(),
        alias: parsed(row, "alias")?,
        version_id: row.try_get("version_id")?,
        number: integer(row, "number")?,
        moved_unix_ms: row.try_get("moved_unix_ms")?,
        moved_by: row.try_get("moved_by")?,
    })
}

pub(super) fn alias_move(row: &SqliteRow, model: &ModelName) -> Decoded<AliasMove> {
    Ok(AliasMove {
        model: model.clone(),
        alias: parsed(row, "alias")?,
        position: integer(row, "position")?,
        from_number: optional_integer(row, "from_number")?,
        to_number: optional_integer(row, "to_number")?,
        moved_unix_ms: row.try_get("moved_unix_ms")?,
        moved_by: row.try_get("moved_by")?,
    })
}

pub(super) fn user(row: &SqliteRow) -> Decoded<UserRecord> {
    Ok(UserRecord {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: parsed(row, "role")?,
        password_hash: PasswordHash::new(row.try_get("password_hash")?),
        disabled: row.try_get("disabled")?,
        created_unix_ms: row.try_get("created_unix_ms")?,
    })
}

pub(super) fn session(row: &SqliteRow) -> Decoded<SessionRecord> {
    Ok(SessionRecord {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        token_digest: secret_digest(row, "token_digest")?,
        csrf_digest: secret_digest(row, "csrf_digest")?,
        address: row.try_get("address")?,
        created_unix_ms: row.try_get("created_unix_ms")?,
        last_used_unix_ms: row.try_get("last_used_unix_ms")?,
        expires_unix_ms: row.try_get("expires_unix_ms")?,
    })
}

pub(super) fn api_key(row: &SqliteRow) -> Decoded<ApiKeyRecord> {
    Ok(ApiKeyRecord {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        name: row.try_get("name")?,
        key_digest: secret_digest(row, "key_digest")?,
        last_four: row.try_get("last_four")?,
        scopes: json::<BTreeSet<_>>(row, "scopes")?,
        requests_per_minute: optional_integer(row, "requests_per_minute")?,
        created_unix_ms: row.try_get("created_unix_ms")?,
        expires_unix_ms: row.try_get("expires_unix_ms")?,
        last_used_unix_ms: row.try_get("last_used_unix_ms")?,
        revoked_unix_ms: row.try_get("revoked_unix_ms")?,
    })
}

pub(super) fn audit_entry(row: &SqliteRow) -> Decoded<AuditEntry> {
    Ok(AuditEntry {
        sequence: row.try_get("sequence")?,
        id: row.try_get("id")?,
        at_unix_ms: row.try_get("at_unix_ms")?,
        actor_id: row.try_get("actor_id")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        details: json(row, "details")?,
    })
}

/// A column of integers within the range of `T`.
pub(super) fn integer<T: TryFrom<i64>>(row: &SqliteRow, column: &'static str) -> Decoded<T> {
    let value: i64 = row.try_get(column)?;
    T::try_from(value).map_err(|_| Failure::invalid(column, &format!("{value} is out of range")))
}

pub(super) fn optional_integer<T: TryFrom<i64>>(
    row: &SqliteRow,
    column: &'static str,
) -> Decoded<Option<T>> {
    match row.try_get::<Option<i64>, _>(column)? {
        Some(_) => integer(row, column).map(Some),
        None => Ok(None),
    }
}

/// A column of text in the form of `T`.
pub(super) fn parsed<T>(row: &SqliteRow, column: &'static str) -> Decoded<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let text: String = row.try_get(column)?;
    text.parse()
        .map_err(|error| Failure::invalid(column, &error))
}

pub(super) fn json<T: DeserializeOwned>(row: &SqliteRow, column: &'static str) -> Decoded<T> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|error| Failure::invalid(column, &error))
}

pub(super) fn to_json(what: &'static str, value: &impl Serialize) -> Decoded<String> {
    serde_json::to_string(value).map_err(|error| Failure::invalid(what, &error))
}

/// A number as the databases store it.
pub(super) fn stored(what: &'static str, value: u64) -> Decoded<i64> {
    i64::try_from(value).map_err(|_| Failure::invalid(what, &format!("{value} is out of range")))
}

pub(super) fn digest(row: &SqliteRow) -> Decoded<ArtifactDigest> {
    parsed(row, "package_digest")
}

fn status(row: &SqliteRow) -> Decoded<VersionStatus> {
    let text: String = row.try_get("status")?;
    VersionStatus::from_stored(&text)
        .ok_or_else(|| Failure::invalid("status", &format!("\"{text}\" is not a status")))
}

pub(super) fn to_hex(digest: &SecretDigest) -> String {
    digest
        .as_bytes()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn secret_digest(row: &SqliteRow, column: &'static str) -> Decoded<SecretDigest> {
    let digest: ArtifactDigest = {
        let text: String = row.try_get(column)?;
        // The text is a digest of a secret: it does not belong into an error.
        text.parse()
            .map_err(|_| Failure::invalid(column, &"not 64 hexadecimal digits"))?
    };
    Ok(SecretDigest::new(*digest.as_bytes()))
}
