//! The adapter for SQLite: one writer, several readers, write-ahead log.
//!
//! A write runs in a task of its own: a caller that goes away cannot leave a commit of which the
//! change feed was never told.

mod account_repository;
mod aliases;
mod audit_repository;
mod failure;
mod migrations;
mod model_repository;
mod models;
#[cfg(feature = "testing")]
mod probe;
mod rows;
mod users;
mod versions;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mofang_types::{Clock, SystemClock};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, Transaction};
use tokio::sync::watch;

use crate::{NewAuditEntry, Store, StoreError};
use failure::Failure;
use migrations::Refusal;

/// 3.51.3 cured a bug that corrupts databases with a write-ahead log (3.7.0 to 3.51.2).
const SQLITE_VERSION_MIN: &str = "3.51.3";

const READER_CONNECTIONS: u32 = 4;

/// How long a statement waits for another process's lock, and a caller for a connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The log is cut back to this after a checkpoint, however long it grew.
const WAL_SIZE_BYTES_MAX: &str = "67108864";

/// A change of the database, run on the writer's connection within a transaction.
type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'c>>;

/// Whether a change moves the change feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feed {
    Moves,
    Stays,
}

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
    changes: Arc<watch::Sender<u64>>,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens the database at `path`, made when missing, and brings its schema to the newest version.
    ///
    /// # Errors
    /// When the file cannot be opened or is damaged, was written by a newer version, or the linked
    /// SQLite is one that can corrupt it.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        create_private(path)?;
        let options = settings(SqliteConnectOptions::new().filename(path))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", WAL_SIZE_BYTES_MAX);
        let writer = prepare(&options, path).await?;
        let readers =
            pool(READER_CONNECTIONS).connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self::over(path, writer, readers, clock))
    }

    /// A store that is gone when it is dropped.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and when memory is short.
    pub async fn in_memory() -> Result<Self, StoreError> {
        Self::in_memory_with(Arc::new(SystemClock::new())).await
    }

    /// A store that is gone when it is dropped, with the given clock.
    ///
    /// # Errors
    /// As [`SqliteStore::in_memory`].
    pub async fn in_memory_with(clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let path = Path::new(":memory:");
        let options = settings(SqliteConnectOptions::new().in_memory(true));
        let writer = prepare(&options, path).await?;
        // Each connection to memory is a database of its own, so readers take the writer's.
        let readers = writer.clone();
        Ok(Self::over(path, writer, readers, clock))
    }

    /// Writes what is still in the log into the database and closes it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn over(path: &Path, writer: SqlitePool, readers: SqlitePool, clock: Arc<dyn Clock>) -> Self {
        Self {
            path: path.to_owned(),
            writer,
            readers,
            changes: Arc::new(watch::Sender::new(0)),
            clock,
        }
    }

    /// Runs `work` and the audit entry in one transaction.
    async fn write_audited<T, F>(
        &self,
        operation: &'static str,
        feed: Feed,
        audit: NewAuditEntry,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        self.write(operation, feed, move |connection| {
            Box::pin(async move {
                let value = work(connection).await?;
                audit_repository::append(connection, &audit).await?;
                Ok(value)
            })
        })
        .await
    }

    /// Runs `work` in one transaction.
    async fn write<T, F>(
        &self,
        operation: &'static str,
        feed: Feed,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let writer = self.writer.clone();
        let changes = Arc::clone(&self.changes);
        let task = tokio::spawn(async move {
            let value = transact(&writer, work).await?;
            if feed == Feed::Moves {
                changes.send_modify(|count| *count += 1);
            }
            Ok::<T, Failure>(value)
        });
        match task.await {
            Ok(result) => result.map_err(|failure| failure.into_store_error(operation, &self.path)),
            Err(error) => Err(StoreError::Backend {
                operation,
                source: Box::new(error),
            }),
        }
    }

    /// One state of the database to read from.
    async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>, Failure> {
        Ok(self.readers.begin().await?)
    }

    /// Gives a failure of `work` its operation.
    async fn read<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, StoreError> {
        work.await
            .map_err(|failure| failure.into_store_error(operation, &self.path))
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.read("answer", async {
            let mut snapshot = self.snapshot().await?;
            sqlx::query("SELECT COUNT(*) FROM sqlite_schema")
                .fetch_one(&mut *snapshot)
                .await?;
            Ok(())
        })
        .await
    }

    async fn verify(&self) -> Result<(), StoreError> {
        let answer: String = self
            .read("verify itself", async {
                let mut snapshot = self.snapshot().await?;
                let row = sqlx::query("PRAGMA integrity_check(1)")
                    .fetch_one(&mut *snapshot)
                    .await?;
                Ok(row.try_get(0)?)
            })
            .await?;
        if answer == "ok" {
            Ok(())
        } else {
            Err(StoreError::Corrupt {
                path: self.path.clone(),
                detail: answer,
            })
        }
    }
}

/// Runs `work` in a transaction of the writer.
async fn transact<T, F>(writer: &SqlitePool, work: F) -> Result<T, Failure>
where
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T>,
{
    let mut connection = writer.acquire().await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let (result, clean) = match work(&mut transaction).await {
        Ok(value) => match transaction.commit().await {
            Ok(()) => (Ok(value), true),
            Err(error) => (Err(Failure::from(error)), false),
        },
        Err(failure) => (Err(failure), transaction.rollback().await.is_ok()),
    };
    if !clean {
        // A full disk makes SQLite end the transaction by itself, after which sqlx believes for ever
        // that it is inside of one. A new connection knows better.
        connection.close().await.ok();
    }
    result
}

/// Password hashes are for nobody else on this machine; SQLite gives its other files the same mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            Err(StoreError::OutOfSpace)
        }
        Err(error) => Err(StoreError::CannotOpen {
            path: path.to_owned(),
            detail: error.to_string(),
        }),
    }
}

fn settings(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

fn pool(connections: u32) -> PoolOptions<Sqlite> {
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(BUSY_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Connects the writer, checks the engine and migrates the schema.
async fn prepare(options: &SqliteConnectOptions, path: &Path) -> Result<SqlitePool, StoreError> {
    let fail = |failure: Failure| failure.into_store_error("open", path);
    let writer = pool(1)
        .connect_with(options.clone())
        .await
        .map_err(|error| fail(error.into()))?;
    let mut connection = writer.acquire().await.map_err(|error| fail(error.into()))?;
    check_version(&mut connection).await.map_err(fail)?;
    migrations::migrate(&mut connection)
        .await
        .map_err(|refusal| match refusal {
            Refusal::Newer { found, supported } => StoreError::NewerSchema {
                path: path.to_owned(),
                found,
                supported,
            },
            Refusal::Foreign => StoreError::CannotOpen {
                path: path.to_owned(),
                detail: "it is the database of another program".to_owned(),
            },
            Refusal::Failed(failure) => fail(failure),
        })?;
    drop(connection);
    Ok(writer)
}

async fn check_version(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let found: String = sqlx::query("SELECT sqlite_version()")
        .fetch_one(connection)
        .await?
        .try_get(0)?;
    if is_old(&found) {
        return Err(StoreError::OldSqlite {
            found,
            required: SQLITE_VERSION_MIN,
        }
        .into());
    }
    Ok(())
}

fn is_old(found: &str) -> bool {
    let parts = |text: &str| -> Vec<u32> {
        text.split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect()
    };
    parts(found) < parts(SQLITE_VERSION_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rel_21_versions_before_the_cure_are_refused() {
        for (version, old) in [
            ("3.40.1", true),
            ("3.51.2", true),
            ("3.51.3", false),
            ("3.51.10", false),
            ("3.54.1", false),
            ("4.0.0", false),
            ("", true),
        ] {
            assert_eq!(is_old(version), old, "{version}");
        }
    }
}
