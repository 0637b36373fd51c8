//! What can be wrong with a recipe.

use mofang_data::DataError;
use mofang_nn::NnError;
use mofang_trees::TreesError;
use mofang_types::{Coded, ErrorCode};

use super::RECIPE_FORMAT_VERSION;

/// What can be wrong with a recipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The text is not a recipe; the message says where and what would be right.
    #[error("{0}")]
    Malformed(String),
    /// The format is not one that this version reads.
    #[error("the recipe has format {0}, this version reads 1 to {RECIPE_FORMAT_VERSION}")]
    NewerFormat(u32),
    /// A value cannot be.
    #[error("in [{table}]: {reason}")]
    Invalid {
        /// The table that it stands in.
        table: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The dataset's or the pipeline's part is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The settings of trees are wrong.
    #[error("in [architecture]: {0}")]
    Trees(#[from] TreesError),
    /// The architecture's part is wrong.
    #[error("in [architecture]: {0}")]
    Architecture(#[from] NnError),
}

impl RecipeError {
    /// A value that cannot be.
    pub(crate) fn invalid(table: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            table,
            reason: reason.into(),
        }
    }
}

impl Coded for RecipeError {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}
