//! What a model does.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a model does, which fixes the form of its predictions and its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One label out of a closed list for each image.
    ImageClassification,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ImageClassification => "image-classification",
        })
    }
}
