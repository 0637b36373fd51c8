//! What can go wrong in a store, whatever database is below.

use std::path::PathBuf;

use mofang_types::{Coded, ErrorCode};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The named record does not exist.
    #[error("{kind} \"{name}\" does not exist")]
    NotFound {
        /// What was looked for, e.g. `model`.
        kind: &'static str,
        /// Its name or id.
        name: String,
    },
    /// A record of that name exists.
    #[error("{kind} \"{name}\" already exists")]
    AlreadyExists {
        /// What was to be made, e.g. `user`.
        kind: &'static str,
        /// Its name or id.
        name: String,
    },
    /// The change contradicts the present state.
    #[error("{reason}")]
    Conflict {
        /// What stands in the way, and the way out.
        reason: String,
    },
    /// The position to continue a listing from is not one that a listing gave.
    #[error("\"{after}\" is not a position of this listing; take it from the page before")]
    InvalidPosition {
        /// The text that was sent.
        after: String,
    },
    /// The disk has no room for the change; nothing of it was stored.
    #[error("no space is left for the database; free some and try again")]
    OutOfSpace,
    /// The file is not a whole database.
    #[error(
        "the database {path} is damaged ({detail}); stop the server and restore it from a backup",
        path = path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the database said.
        detail: String,
    },
    /// A stored value cannot be read back.
    #[error("a stored {what} cannot be read: {detail}")]
    InvalidRecord {
        /// Which field of which record.
        what: &'static str,
        /// Why.
        detail: String,
    },
    /// The database was written by a newer version of this program.
    #[error(
        "the database {path} has schema version {found}, and this program knows versions up to \
         {supported}: start it with the newer mofang that wrote it, or restore a backup from before the upgrade",
        path = path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The version that was found.
        found: i64,
        /// The highest version that this program knows.
        supported: i64,
    },
    /// The linked SQLite has a bug that can destroy data.
    #[error(
        "SQLite {found} can corrupt a database in WAL mode; build mofang with SQLite {required} or later"
    )]
    OldSqlite {
        /// The version that is linked.
        found: String,
        /// The lowest version that is accepted.
        required: &'static str,
    },
    /// The database cannot be opened.
    #[error("cannot open the database {path}: {detail}", path = path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// Another process holds the database, or every connection is taken.
    #[error("the database is busy; try again")]
    Busy,
    /// The database failed in another way.
    #[error("the database failed while it was to {operation}")]
    Backend {
        /// What was being done.
        operation: &'static str,
        /// The cause, for the log.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Coded for StoreError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::AlreadyExists { .. } => ErrorCode::AlreadyExists,
            Self::Conflict { .. } => ErrorCode::Conflict,
            Self::InvalidPosition { .. } => ErrorCode::InvalidInput,
            Self::OutOfSpace => ErrorCode::OutOfSpace,
            Self::Corrupt { .. }
            | Self::NewerSchema { .. }
            | Self::OldSqlite { .. }
            | Self::CannotOpen { .. }
            | Self::Busy => ErrorCode::Unavailable,
            Self::InvalidRecord { .. } | Self::Backend { .. } => ErrorCode::Internal,
        }
    }
}
