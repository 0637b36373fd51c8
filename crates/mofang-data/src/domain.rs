//! What a pipeline takes.

use std::fmt;

use mofang_types::Task;

use crate::DataError;

/// What the transforms of a pipeline take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Images.
    Image,
    /// Rows of a table.
    Table,
    /// Texts.
    Text,
}

impl Domain {
    /// What models of a task take.
    ///
    /// # Errors
    /// When no transform of this version does.
    pub fn of(task: Task) -> Result<Self, DataError> {
        match task {
            Task::ImageClassification => Ok(Self::Image),
            Task::TabularClassification | Task::TabularRegression => Ok(Self::Table),
            Task::Embedding | Task::TextClassification => Ok(Self::Text),
            Task::AudioClassification => Err(DataError::InvalidPipeline(format!(
                "no transform of this version is for {task}"
            ))),
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "images",
            Self::Table => "rows of a table",
            Self::Text => "texts",
        })
    }
}
