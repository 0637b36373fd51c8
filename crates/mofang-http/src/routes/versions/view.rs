//! How versions are shown.

use std::collections::BTreeMap;

use mofang_store::VersionRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A version.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    /// The model.
    #[schema(example = "digits")]
    pub model: String,
    /// The number, from 1.
    pub version: u32,
    /// The SHA-256 of the package's manifest.
    pub package_digest: String,
    /// `ready` or `quarantined`.
    #[schema(example = "ready")]
    pub status: String,
    /// Why it is quarantined.
    pub status_reason: Option<String>,
    /// What it does.
    #[schema(example = "image-classification")]
    pub task: String,
    /// The metrics on the test split, by name.
    pub metrics: BTreeMap<String, f64>,
    /// The size of all files of the package together.
    pub size_bytes: u64,
    /// Free remarks by key.
    pub tags: BTreeMap<String, String>,
    /// When it was published.
    pub created_unix_ms: i64,
    /// Who published it.
    pub created_by: String,
    /// What the publisher said about it.
    pub note: String,
}

impl From<VersionRecord> for VersionView {
    fn from(record: VersionRecord) -> Self {
        Self {
            model: record.model.into(),
            version: record.number,
            package_digest: record.package_digest.to_string(),
            status: record.status.to_string(),
            status_reason: record.status_reason,
            task: record.task.to_string(),
            metrics: record.metrics,
            size_bytes: record.size_bytes,
            tags: record.tags,
            created_unix_ms: record.created_unix_ms,
            created_by: record.created_by,
            note: record.note,
        }
    }
}
