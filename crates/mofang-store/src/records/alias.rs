//! Aliases and the history of their moves.

use mofang_types::{AliasName, ModelName, UnixMillis};
use serde::{Deserialize, Serialize};

/// A movable name for a version, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasRecord {
    /// The model.
    pub model: ModelName,
    /// The alias.
    pub alias: AliasName,
    /// The id of the version that it names.
    pub version_id: String,
    /// The number of that version.
    pub number: u32,
    /// When it was last moved.
    pub moved_unix_ms: UnixMillis,
    /// Who moved it.
    pub moved_by: String,
}

/// One move of an alias. Moves are kept when the alias, or a version it named, is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasMove {
    /// The model.
    pub model: ModelName,
    /// The alias.
    pub alias: AliasName,
    /// Counts the moves of this alias from 1.
    pub position: u32,
    /// The number it named before; `None` when it was made by this move.
    pub from_number: Option<u32>,
    /// The number it names since; `None` when it was deleted by this move.
    pub to_number: Option<u32>,
    /// When.
    pub moved_unix_ms: UnixMillis,
    /// Who.
    pub moved_by: String,
}

/// A wish to let an alias name a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAlias {
    /// The model.
    pub model: ModelName,
    /// The alias.
    pub alias: AliasName,
    /// The number of the version it shall name.
    pub number: u32,
    /// When given, the number that the alias must name now, or the move is a conflict.
    pub expected_number: Option<u32>,
    /// When.
    pub moved_unix_ms: UnixMillis,
    /// Who.
    pub moved_by: String,
}
