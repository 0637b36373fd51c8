//! Models, their summaries for listings, and the rows that routing needs.

use mofang_types::{AliasName, ArtifactDigest, ModelName, UnixMillis};
use serde::{Deserialize, Serialize};

use super::VersionStatus;

/// A named line of versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// The id.
    pub id: String,
    /// The name.
    pub name: ModelName,
    /// When its first version was published.
    pub created_unix_ms: UnixMillis,
    /// Who published it.
    pub created_by: String,
}

/// A model with what a listing shows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// The model.
    #[serde(flatten)]
    pub model: ModelRecord,
    /// The highest number among its versions; `None` when all of them were deleted.
    pub latest_number: Option<u32>,
    /// How many versions it has.
    pub version_count: u64,
    /// Its aliases with the numbers they name, by alias.
    pub aliases: Vec<(AliasName, u32)>,
}

/// Everything that resolving a reference needs to know of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRecord {
    /// The model.
    pub model: ModelName,
    /// The version's number.
    pub number: u32,
    /// The version's id.
    pub version_id: String,
    /// The package.
    pub package_digest: ArtifactDigest,
    /// Whether the version can be used.
    pub status: VersionStatus,
    /// Why it cannot.
    pub status_reason: Option<String>,
    /// The aliases that name it.
    pub aliases: Vec<AliasName>,
}
