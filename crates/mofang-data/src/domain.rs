//! What a pipeline takes.

use std::fmt;

use mofang_types::Task;

use crate::DataError;

/// What the transforms of a pipeline take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Images.
    Image,
    /// Recordings of sound.
    Recording,
    /// What its caller has prepared.
    Tensor,
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
            Task::AudioClassification => Ok(Self::Recording),
            Task::Tensor => Ok(Self::Tensor),
            Task::Embedding | Task::TextClassification => Ok(Self::Text),
            Task::TabularClassification | Task::TabularRegression => Err(
                DataError::InvalidPipeline(format!("no transform of this version is for {task}")),
            ),
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "images",
            Self::Recording => "recordings",
            Self::Tensor => "ready tensors",
            Self::Text => "texts",
        })
    }
}
