//! How aliases and their moves are shown.

use mofang_store::{AliasMove, AliasRecord};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An alias as it is now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AliasView {
    /// The model.
    pub model: String,
    /// The alias.
    #[schema(example = "production")]
    pub alias: String,
    /// The version that it names.
    pub version: u32,
    /// When it was last moved.
    pub moved_unix_ms: i64,
    /// Who moved it.
    pub moved_by: String,
}

impl From<AliasRecord> for AliasView {
    fn from(record: AliasRecord) -> Self {
        Self {
            model: record.model.into(),
            alias: record.alias.into(),
            version: record.number,
            moved_unix_ms: record.moved_unix_ms,
            moved_by: record.moved_by,
        }
    }
}

/// One move of an alias.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AliasMoveView {
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// Counts the moves of this alias from 1.
    pub position: u32,
    /// The version it named before; absent when this move made it.
    pub from_version: Option<u32>,
    /// The version it names since; absent when this move deleted it.
    pub to_version: Option<u32>,
    /// When.
    pub moved_unix_ms: i64,
    /// Who.
    pub moved_by: String,
}

impl From<AliasMove> for AliasMoveView {
    fn from(moved: AliasMove) -> Self {
        Self {
            model: moved.model.into(),
            alias: moved.alias.into(),
            position: moved.position,
            from_version: moved.from_number,
            to_version: moved.to_number,
            moved_unix_ms: moved.moved_unix_ms,
            moved_by: moved.moved_by,
        }
    }
}
