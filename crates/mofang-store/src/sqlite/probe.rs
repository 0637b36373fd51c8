//! Handles for tests of this adapter: a disk that is full, and the settings as SQLite sees them.

use std::collections::BTreeMap;

use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::failure::Failure;
use crate::StoreError;

/// As many pages as SQLite allows.
const PAGES_MAX: u32 = 4_294_967_294;

impl SqliteStore {
    /// Lets the database grow to so many pages only, as a full disk would; `None` lifts the limit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn limit_pages_for_test(&self, pages: Option<u32>) -> Result<(), StoreError> {
        self.read("limit itself", async {
            let mut connection = self.writer.acquire().await?;
            let sql = format!("PRAGMA max_page_count = {}", pages.unwrap_or(PAGES_MAX));
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(&mut *connection)
                .await?;
            Ok(())
        })
        .await
    }

    /// The settings of the writer and of a reader, by the pragma's name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settings_for_test(
        &self,
    ) -> Result<[(&'static str, BTreeMap<&'static str, String>); 2], StoreError> {
        self.read("read its settings", async {
            let writer = settings(&mut *self.writer.acquire().await?).await?;
            let reader = settings(&mut *self.readers.acquire().await?).await?;
            Ok([("writer", writer), ("reader", reader)])
        })
        .await
    }
}

async fn settings(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<&'static str, String>, Failure> {
    let mut found = BTreeMap::new();
    for (name, sql) in [
        ("journal_mode", "PRAGMA journal_mode"),
        ("synchronous", "PRAGMA synchronous"),
        ("foreign_keys", "PRAGMA foreign_keys"),
        ("busy_timeout", "PRAGMA busy_timeout"),
    ] {
        let row = sqlx::query(sql).fetch_one(&mut *connection).await?;
        let value = match row.try_get::<String, _>(0) {
            Ok(text) => text,
            Err(_) => row.try_get::<i64, _>(0)?.to_string(),
        };
        found.insert(name, value);
    }
    Ok(found)
}
