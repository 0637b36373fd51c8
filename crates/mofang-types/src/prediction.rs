//! Answers.

use serde::{Deserialize, Serialize};

use crate::{GeneratedText, Transcript};

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

/// A number with what it measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedNumber {
    /// What it measures: the column that was learned.
    pub name: String,
    /// The number, in the units of that column.
    pub value: f64,
}

/// What a model says of one example, after its decoders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// The most probable classes, most probable first; at least one.
    Classes(Vec<ClassProbability>),
    /// A vector.
    Embedding(Vec<f32>),
    /// A text that goes on with the one that was given.
    Generation(GeneratedText),
    /// Numbers, in the order of the model's outputs.
    Numbers(Vec<NamedNumber>),
    /// What was said.
    Transcript(Transcript),
    /// The model's outputs as they are, row-major.
    Values(Vec<f32>),
}

/// How many numbers of a vector a line for people shows.
const SHOWN_MAX: usize = 4;

impl Prediction {
    /// The line for people: `Predicted class: 7 (99.3 %)`.
    pub fn summary(&self) -> String {
        match self {
            Self::Classes(classes) => classes.first().map_or_else(
                || "Predicted class: none".to_owned(),
                |best| {
                    format!(
                        "Predicted class: {} ({:.1} %)",
                        best.label,
                        best.probability * 100.0
                    )
                },
            ),
            Self::Embedding(values) => format!("Embedding of {}", beginning(values)),
            Self::Generation(generated) => format!("Generated text: {}", generated.text),
            Self::Numbers(numbers) => {
                let shown: Vec<String> = numbers
                    .iter()
                    .map(|number| format!("{} = {:.4}", number.name, number.value))
                    .collect();
                format!("Predicted value: {}", shown.join(", "))
            }
            Self::Transcript(transcript) => format!("Transcript: {}", transcript.text),
            Self::Values(values) => format!("Output of {}", beginning(values)),
        }
    }
}

/// How many numbers there are, and the first of them.
fn beginning(values: &[f32]) -> String {
    let shown: Vec<String> = values
        .iter()
        .take(SHOWN_MAX)
        .map(|value| format!("{value:.4}"))
        .collect();
    let more = if values.len() > SHOWN_MAX {
        ", …"
    } else {
        ""
    };
    format!("{} numbers: [{}{more}]", values.len(), shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_a_line_and_a_name_in_json() {
        let class = ClassProbability {
            label: "7".to_owned(),
            index: 7,
            probability: 0.993,
        };
        let generated = GeneratedText {
            text: " upon a time".to_owned(),
            finish_reason: crate::FinishReason::Stop,
            prompt_tokens: 1,
            completion_tokens: 4,
        };
        let generation = Prediction::Generation(generated);
        assert_eq!(generation.summary(), "Generated text:  upon a time");
        let json = serde_json::to_value(&generation).unwrap();
        assert_eq!(json["generation"]["finish_reason"], "stop");
        let number = NamedNumber {
            name: "count".to_owned(),
            value: 12.5,
        };
        for (prediction, line, key) in [
            (
                Prediction::Classes(vec![class]),
                "Predicted class: 7 (99.3 %)",
                "classes",
            ),
            (
                Prediction::Embedding(vec![0.5; 5]),
                "Embedding of 5 numbers: [0.5000, 0.5000, 0.5000, 0.5000, …]",
                "embedding",
            ),
            (
                Prediction::Numbers(vec![number]),
                "Predicted value: count = 12.5000",
                "numbers",
            ),
            (
                Prediction::Values(vec![1.0, 2.0]),
                "Output of 2 numbers: [1.0000, 2.0000]",
                "values",
            ),
        ] {
            assert_eq!(prediction.summary(), line);
            assert!(serde_json::to_value(&prediction).unwrap()[key].is_array());
        }
    }
}
