//! Answers.

use serde::{Deserialize, Serialize};

/// A class with its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassProbability {
    /// The label of the class.
    pub label: String,
    /// The index of the class in the model's output.
    pub index: usize,
    /// The probability, 0 to 1.
    pub probability: f32,
}

/// What a model says of one example, after its decoders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum Prediction {
    /// The most probable classes, most probable first.
    ImageClassification {
        /// At least one class.
        classes: Vec<ClassProbability>,
    },
}

impl Prediction {
    /// The line for people: `Predicted class: 7 (99.3 %)`.
    pub fn summary(&self) -> String {
        match self {
            Self::ImageClassification { classes } => classes.first().map_or_else(
                || "Predicted class: none".to_owned(),
                |best| {
                    format!(
                        "Predicted class: {} ({:.1} %)",
                        best.label,
                        best.probability * 100.0
                    )
                },
            ),
        }
    }
}
