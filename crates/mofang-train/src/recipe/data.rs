//! `[data]`: what goes in.

use mofang_data::SplitSettings;
use serde::{Deserialize, Serialize};

/// What goes in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// A dataset of the catalogue, or the path of a dataset's own TOML file.
    pub dataset: String,
    /// How it is split and cleaned.
    #[serde(default)]
    pub split: SplitSettings,
}
