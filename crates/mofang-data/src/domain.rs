//! What a pipeline takes.

use std::fmt;

use mofang_types::Task;

/// What the transforms of a pipeline take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Images.
    Image,
    /// Recordings of sound.
    Recording,
    /// Rows of a table.
    Table,
    /// What its caller has prepared.
    Tensor,
    /// Texts.
    Text,
}

impl Domain {
    /// What models of a task take.
    pub const fn of(task: Task) -> Self {
        match task {
            Task::AudioClassification | Task::SpeechRecognition => Self::Recording,
            Task::Embedding | Task::TextClassification | Task::TextGeneration => Self::Text,
            Task::ImageClassification => Self::Image,
            Task::TabularClassification | Task::TabularRegression => Self::Table,
            Task::Tensor => Self::Tensor,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "images",
            Self::Recording => "recordings",
            Self::Table => "rows of a table",
            Self::Tensor => "ready tensors",
            Self::Text => "texts",
        })
    }
}
