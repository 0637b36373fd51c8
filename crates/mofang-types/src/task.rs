//! What a model does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Coded, ErrorCode, closest};

/// What a model does, which fixes the form of its inputs, its predictions and its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One label out of a closed list for each recording.
    AudioClassification,
    /// A vector for each text, near those of texts that mean the same.
    Embedding,
    /// One label out of a closed list for each image.
    #[default]
    ImageClassification,
    /// What is said in each recording.
    SpeechRecognition,
    /// One label out of a closed list for each row of a table.
    TabularClassification,
    /// A number for each row of a table.
    TabularRegression,
    /// The model's own outputs for its own inputs, as they are.
    Tensor,
    /// One label out of a closed list for each text.
    TextClassification,
    /// A text that goes on with each text.
    TextGeneration,
}

/// A text that names no task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" is no task; {hint}")]
pub struct UnknownTask {
    name: String,
    hint: String,
}

impl Coded for UnknownTask {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}

impl Task {
    /// Every task, alphabetically.
    pub const ALL: [Self; 9] = [
        Self::AudioClassification,
        Self::Embedding,
        Self::ImageClassification,
        Self::SpeechRecognition,
        Self::TabularClassification,
        Self::TabularRegression,
        Self::Tensor,
        Self::TextClassification,
        Self::TextGeneration,
    ];

    /// The name in recipes, manifests and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AudioClassification => "audio-classification",
            Self::Embedding => "embedding",
            Self::ImageClassification => "image-classification",
            Self::SpeechRecognition => "speech-recognition",
            Self::TabularClassification => "tabular-classification",
            Self::TabularRegression => "tabular-regression",
            Self::Tensor => "tensor",
            Self::TextClassification => "text-classification",
            Self::TextGeneration => "text-generation",
        }
    }

    /// Whether an answer is one label out of a closed list.
    pub const fn is_classification(self) -> bool {
        match self {
            Self::AudioClassification
            | Self::ImageClassification
            | Self::TabularClassification
            | Self::TextClassification => true,
            Self::Embedding
            | Self::SpeechRecognition
            | Self::TabularRegression
            | Self::Tensor
            | Self::TextGeneration => false,
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Task {
    type Err = UnknownTask;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = || Self::ALL.iter().map(|task| task.name());
        Self::ALL
            .into_iter()
            .find(|task| task.name() == text)
            .ok_or_else(|| UnknownTask {
                name: text.chars().take(80).collect(),
                hint: closest(text, names()).map_or_else(
                    || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                    |name| format!("did you mean \"{name}\"?"),
                ),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json_and_read_back() {
        assert!(Task::ALL.map(Task::name).is_sorted());
        for task in Task::ALL {
            assert_eq!(serde_json::to_value(task).unwrap(), task.name());
            assert_eq!(task.name().parse::<Task>().unwrap(), task);
        }
        assert_eq!(
            "text-classificaton"
                .parse::<Task>()
                .unwrap_err()
                .to_string(),
            "\"text-classificaton\" is no task; did you mean \"text-classification\"?"
        );
    }
}
