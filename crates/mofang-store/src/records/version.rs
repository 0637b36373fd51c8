//! Versions of models.

use std::collections::BTreeMap;
use std::fmt;

use mofang_types::{AliasName, ArtifactDigest, ModelName, Task, UnixMillis};
use serde::{Deserialize, Serialize};

/// Whether a version can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionStatus {
    /// It can.
    Ready,
    /// Its bytes were found not to have their digest; it is never used.
    Quarantined,
}

impl VersionStatus {
    /// The status as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Quarantined => "quarantined",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        [Self::Ready, Self::Quarantined]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

impl fmt::Display for VersionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A published version. Its content never changes; status and tags are remarks about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// The id.
    pub id: String,
    /// The model.
    pub model: ModelName,
    /// The number, from 1, never used again within the model.
    pub number: u32,
    /// The digest of the package's manifest.
    pub package_digest: ArtifactDigest,
    /// Whether it can be used.
    pub status: VersionStatus,
    /// Why it cannot.
    pub status_reason: Option<String>,
    /// What it does.
    pub task: Task,
    /// The metrics on the test split, by name.
    pub metrics: BTreeMap<String, f64>,
    /// The size of all files of the package together.
    pub size_bytes: u64,
    /// Free remarks by key.
    pub tags: BTreeMap<String, String>,
    /// When it was published.
    pub created_unix_ms: UnixMillis,
    /// Who published it.
    pub created_by: String,
    /// What the publisher said about it.
    pub note: String,
}

/// A version to be published; the store gives it its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    /// The id of the version.
    pub id: String,
    /// The model; made when it does not exist.
    pub model: ModelName,
    /// The id that the model gets when it is made.
    pub model_id: String,
    /// The digest of the package's manifest.
    pub package_digest: ArtifactDigest,
    /// What it does.
    pub task: Task,
    /// The metrics on the test split, by name.
    pub metrics: BTreeMap<String, f64>,
    /// The size of all files of the package together.
    pub size_bytes: u64,
    /// Free remarks by key.
    pub tags: BTreeMap<String, String>,
    /// The aliases that shall name it, moved in the same transaction.
    pub aliases: Vec<AliasName>,
    /// When it is published.
    pub created_unix_ms: UnixMillis,
    /// Who publishes it.
    pub created_by: String,
    /// What the publisher says about it.
    pub note: String,
}
