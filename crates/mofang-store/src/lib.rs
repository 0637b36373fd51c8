//! Metadata: what is stored about models, versions, aliases, users, sessions, keys and the audit log.
//!
//! The port is [`Store`]: repositories as traits over plain records, with no type of a database in
//! any signature. [`SqliteStore`] is its adapter; a second one has to pass the conformance suite of
//! the `testing` feature and changes nothing above this crate. Every change writes its audit entry
//! in the same transaction, and every change that the road of a prediction depends on moves the
//! change feed ([`Store::changes`]).
//!
//! This crate decides nothing about who may do what, and keeps no bytes of models.

mod account_repository;
mod audit_repository;
mod error;
mod model_repository;
mod page;
mod records;
mod sqlite;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use account_repository::AccountRepository;
pub use audit_repository::AuditRepository;
pub use error::StoreError;
pub use model_repository::ModelRepository;
pub use page::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, Page, Paged};
pub use records::{
    AliasMove, AliasRecord, ApiKeyRecord, AuditEntry, AuditFilter, Credentials, InvalidRole,
    InvalidScope, ModelRecord, ModelSummary, NewAuditEntry, NewVersion, PasswordHash, Role,
    RouteRecord, Scope, SecretDigest, SessionRecord, SetAlias, UserRecord, VersionRecord,
    VersionStatus,
};
pub use sqlite::SqliteStore;
pub use store::Store;
