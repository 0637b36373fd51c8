//! The schema, one step after another. The number of steps taken is SQLite's `user_version`, which
//! changes in the same transaction as the step.
//!
//! To change the schema, append a file here and never edit an old one.

use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::failure::Failure;

/// Marks a file as ours (`MOFG`), in SQLite's `application_id`.
const APPLICATION_ID: i64 = 0x4d4f_4647;

const MIGRATIONS: &[&[&str]] = &[&[
    include_str!("0001_initial.sql"),
    include_str!("0001_initial_sqlite.sql"),
]];

const SET_APPLICATION_ID: &str = "PRAGMA application_id = 1297040967";

/// What stands in the way of migrating.
pub(super) enum Refusal {
    /// The schema is newer than this program.
    Newer { found: i64, supported: i64 },
    /// The file is a database of another program.
    Foreign,
    /// A step failed; it was undone.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Refusal {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}

/// Brings the schema to the newest version.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), Refusal> {
    let supported = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = number(connection, "PRAGMA user_version").await?;
    let application_id = number(connection, "PRAGMA application_id").await?;
    let tables = number(connection, "SELECT COUNT(*) FROM sqlite_schema").await?;
    if application_id != APPLICATION_ID && (tables > 0 || found != 0) {
        return Err(Refusal::Foreign);
    }
    if found > supported {
        return Err(Refusal::Newer { found, supported });
    }
    for (version, scripts) in (1_i64..).zip(MIGRATIONS) {
        if version <= found {
            continue;
        }
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for script in *scripts {
            sqlx::raw_sql(*script).execute(&mut *transaction).await?;
        }
        sqlx::raw_sql(SET_APPLICATION_ID)
            .execute(&mut *transaction)
            .await?;
        // A pragma takes no parameters; the number is ours.
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "PRAGMA user_version = {version}"
        )))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        tracing::info!(schema.version = version, "migrated the database");
    }
    Ok(())
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query(sql).fetch_one(connection).await?.try_get(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_id_is_the_one_that_is_set() {
        assert_eq!(
            SET_APPLICATION_ID,
            format!("PRAGMA application_id = {APPLICATION_ID}")
        );
    }
}
