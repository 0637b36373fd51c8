//! What can be wrong with trees.

use mofang_types::{Coded, ErrorCode};

/// What can be wrong with trees.
#[derive(Debug, thiserror::Error)]
pub enum TreesError {
    /// A setting cannot be.
    #[error("gradient_boosting cannot be configured so: {0}")]
    Settings(String),
    /// Rows, targets or weights do not belong together, or cannot be learned from.
    #[error("the trees cannot be grown: {0}")]
    Rows(String),
    /// The bytes are no ensemble.
    #[error("the file is no ensemble of trees: {0}")]
    Malformed(String),
    /// A batch has another width than the ensemble takes.
    #[error("the trees take rows of {expected} values, not {actual}")]
    Width {
        /// What they take.
        expected: usize,
        /// What came.
        actual: usize,
    },
}

impl Coded for TreesError {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}
