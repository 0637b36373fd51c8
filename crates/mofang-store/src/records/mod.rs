//! The records, as plain data.

mod alias;
mod api_key;
mod audit;
mod model;
mod secret;
mod session;
mod user;
mod version;

pub use alias::{AliasMove, AliasRecord, SetAlias};
pub use api_key::{ApiKeyRecord, InvalidScope, Scope};
pub use audit::{AuditEntry, AuditFilter, NewAuditEntry};
pub use model::{ModelRecord, ModelSummary, RouteRecord};
pub use secret::{PasswordHash, SecretDigest};
pub use session::SessionRecord;
pub use user::{Credentials, InvalidRole, Role, UserRecord};
pub use version::{NewVersion, VersionRecord, VersionStatus};
