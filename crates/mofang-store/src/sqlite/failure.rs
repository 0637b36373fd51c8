//! From SQLite's result codes to [`StoreError`].

use std::path::Path;

use crate::StoreError;

// Primary and extended result codes, https://www.sqlite.org/rescode.html
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;
/// The shared-memory file beside the log cannot grow, which a full disk causes and little else.
const SQLITE_IOERR_SHMSIZE: i32 = 4874;

/// A failure inside the adapter, before it is known which operation it belongs to.
#[derive(Debug)]
pub(crate) enum Failure {
    Store(StoreError),
    Sql(sqlx::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl Failure {
    /// A stored value that cannot be read back.
    pub(crate) fn invalid(what: &'static str, detail: &dyn std::fmt::Display) -> Self {
        Self::Store(StoreError::InvalidRecord {
            what,
            detail: detail.to_string(),
        })
    }

    /// The error that the caller gets.
    pub(crate) fn into_store_error(self, operation: &'static str, path: &Path) -> StoreError {
        let error = match self {
            Self::Store(error) => return error,
            Self::Sql(error) => error,
        };
        if matches!(error, sqlx::Error::PoolTimedOut) {
            return StoreError::Busy;
        }
        let Some(database_error) = error.as_database_error() else {
            return StoreError::Backend {
                operation,
                source: Box::new(error),
            };
        };
        let detail = database_error.message().to_owned();
        let code = database_error
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            .unwrap_or(0);
        if code == SQLITE_IOERR_SHMSIZE {
            return StoreError::OutOfSpace;
        }
        match code & 0xff {
            SQLITE_FULL => StoreError::OutOfSpace,
            SQLITE_BUSY | SQLITE_LOCKED => StoreError::Busy,
            SQLITE_CORRUPT | SQLITE_NOTADB => StoreError::Corrupt {
                path: path.to_owned(),
                detail,
            },
            SQLITE_CANTOPEN => StoreError::CannotOpen {
                path: path.to_owned(),
                detail,
            },
            _ => StoreError::Backend {
                operation,
                source: Box::new(error),
            },
        }
    }
}
