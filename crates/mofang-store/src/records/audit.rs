//! The audit log.

use mofang_types::UnixMillis;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An act to be recorded, written in the transaction of the act itself.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAuditEntry {
    /// The id.
    pub id: String,
    /// When.
    pub at_unix_ms: UnixMillis,
    /// The id of the user who did it; `None` for the system and for the command line.
    pub actor_id: Option<String>,
    /// The name of who did it, e.g. `ada`, `system`, `local`.
    pub actor: String,
    /// What was done, e.g. `version.publish`.
    pub action: String,
    /// What it was done to, e.g. `digits@3`.
    pub subject: String,
    /// More about it; never a secret, never an input.
    pub details: Value,
}

/// A recorded act. Entries are never changed and never deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The place in the log, growing.
    pub sequence: i64,
    /// The id.
    pub id: String,
    /// When.
    pub at_unix_ms: UnixMillis,
    /// The id of the user who did it; `None` for the system and for the command line.
    pub actor_id: Option<String>,
    /// The name of who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// More about it.
    pub details: Value,
}

/// Which entries are wanted; empty for all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditFilter {
    /// Only acts of this name.
    pub action: Option<String>,
    /// Only acts by the user of this name.
    pub actor: Option<String>,
    /// Only acts on this subject.
    pub subject: Option<String>,
}
