//! How predictions are shown.

use mofang_serving::PredictOutcome;
use mofang_types::{
    ClassProbability, FinishReason, GeneratedText, NamedNumber, Prediction, SpokenWord, Transcript,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ApiError;

/// The predictions of one request, in the order of its inputs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PredictView {
    /// The model that answered.
    #[schema(example = "digits")]
    pub model: String,
    /// The number of its version.
    #[schema(example = 1)]
    pub version: u32,
    /// One for each input.
    pub predictions: Vec<PredictionView>,
}

/// The answer to one input: classes, numbers, an embedding or values, as the model's task is; or an error.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct PredictionView {
    /// The most probable classes, most probable first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<ClassView>>,
    /// The text that goes on with the one that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<GenerationView>,
    /// The numbers, in the order of the model's outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Vec<NumberView>>,
    /// The vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Vec<f32>>,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<TranscriptView>,
    /// The model's outputs as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<f32>>,
    /// What whoever asks should know, such as that the end of a text was not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["the text has 300 tokens; only the first 128 were read"]))]
    pub warnings: Vec<String>,
    /// Where the time went; absent when the input failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<TimingView>,
    /// Why the input has no prediction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<InputError>,
}

/// A class with its probability.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClassView {
    /// The label of the class.
    #[schema(example = "7")]
    pub label: String,
    /// The index of the class in the model's output.
    pub index: usize,
    /// The probability, 0 to 1.
    #[schema(example = 0.993)]
    pub probability: f32,
}

/// A text that goes on with another.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GenerationView {
    /// What comes behind the text that was given.
    #[schema(example = " upon a time")]
    pub text: String,
    /// Why it ends there: `length` or `stop`.
    #[schema(value_type = String, example = "length")]
    pub finish_reason: FinishReason,
    /// Tokens of the text that was given, as far as they were read.
    pub prompt_tokens: usize,
    /// Tokens that were chosen, the one that ended the text included.
    pub completion_tokens: usize,
}

impl From<GeneratedText> for GenerationView {
    fn from(generated: GeneratedText) -> Self {
        let GeneratedText {
            text,
            finish_reason,
            prompt_tokens,
            completion_tokens,
        } = generated;
        Self {
            text,
            finish_reason,
            prompt_tokens,
            completion_tokens,
        }
    }
}

impl From<GenerationView> for GeneratedText {
    fn from(view: GenerationView) -> Self {
        Self {
            text: view.text,
            finish_reason: view.finish_reason,
            prompt_tokens: view.prompt_tokens,
            completion_tokens: view.completion_tokens,
        }
    }
}

/// What was said in a recording.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TranscriptView {
    /// The words.
    #[schema(example = "3 1 4")]
    pub text: String,
    /// The words one by one, in order.
    pub words: Vec<WordView>,
    /// The probability that the model gives the text, 0 to 1.
    #[schema(example = 0.97)]
    pub probability: f32,
}

/// A word and when it was said.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WordView {
    /// The word.
    #[schema(example = "3")]
    pub text: String,
    /// Where it begins, in seconds from the beginning of the recording.
    pub start_seconds: f32,
    /// Where it ends.
    pub end_seconds: f32,
}

impl From<Transcript> for TranscriptView {
    fn from(transcript: Transcript) -> Self {
        let words = transcript.words.into_iter().map(|word| WordView {
            text: word.text,
            start_seconds: word.start_seconds,
            end_seconds: word.end_seconds,
        });
        Self {
            text: transcript.text,
            words: words.collect(),
            probability: transcript.probability,
        }
    }
}

impl From<TranscriptView> for Transcript {
    fn from(view: TranscriptView) -> Self {
        let words = view.words.into_iter().map(|word| SpokenWord {
            text: word.text,
            start_seconds: word.start_seconds,
            end_seconds: word.end_seconds,
        });
        Self {
            text: view.text,
            words: words.collect(),
            probability: view.probability,
        }
    }
}

/// A number with what it measures.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NumberView {
    /// What it measures: the column that was learned.
    #[schema(example = "count")]
    pub name: String,
    /// The number, in the units of that column.
    pub value: f64,
}

/// Where the time of an answer went.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TimingView {
    /// Waiting for the batch.
    pub queue_ms: f64,
    /// Computing the batch.
    pub infer_ms: f64,
}

/// Why an input has no prediction.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InputError {
    /// The kind of failure, for programs.
    #[schema(example = "invalid_input")]
    pub code: String,
    /// What exactly went wrong.
    pub detail: String,
}

impl PredictView {
    pub(super) fn new(
        model: &str,
        version: u32,
        results: Vec<Result<PredictOutcome, ApiError>>,
    ) -> Self {
        Self {
            model: model.to_owned(),
            version,
            predictions: results
                .into_iter()
                .map(|result| match result {
                    Ok(outcome) => outcome.into(),
                    Err(error) => PredictionView {
                        error: Some(InputError {
                            code: error.code().to_owned(),
                            detail: error.detail,
                        }),
                        ..PredictionView::default()
                    },
                })
                .collect(),
        }
    }
}

impl From<PredictOutcome> for PredictionView {
    fn from(outcome: PredictOutcome) -> Self {
        let mut view = Self {
            warnings: outcome.warnings,
            timing: Some(TimingView {
                queue_ms: outcome.queue_ms,
                infer_ms: outcome.infer_ms,
            }),
            ..Self::default()
        };
        match outcome.prediction {
            Prediction::Classes(classes) => {
                let classes = classes.into_iter().map(|class| ClassView {
                    label: class.label,
                    index: class.index,
                    probability: class.probability,
                });
                view.classes = Some(classes.collect());
            }
            Prediction::Embedding(values) => view.embedding = Some(values),
            Prediction::Generation(generated) => view.generation = Some(generated.into()),
            Prediction::Transcript(transcript) => view.transcript = Some(transcript.into()),
            Prediction::Values(values) => view.values = Some(values),
            Prediction::Numbers(numbers) => {
                let numbers = numbers.into_iter().map(|number| NumberView {
                    name: number.name,
                    value: number.value,
                });
                view.numbers = Some(numbers.collect());
            }
        }
        view
    }
}

impl PredictionView {
    /// The prediction that it shows; none for an input that failed.
    pub fn into_prediction(self) -> Option<Prediction> {
        let classes = self.classes.map(|classes| {
            let classes = classes.into_iter().map(|class| ClassProbability {
                label: class.label,
                index: class.index,
                probability: class.probability,
            });
            Prediction::Classes(classes.collect())
        });
        let numbers = self.numbers.map(|numbers| {
            let numbers = numbers.into_iter().map(|number| NamedNumber {
                name: number.name,
                value: number.value,
            });
            Prediction::Numbers(numbers.collect())
        });
        classes
            .or(numbers)
            .or(self
                .generation
                .map(|view| Prediction::Generation(view.into())))
            .or(self.embedding.map(Prediction::Embedding))
            .or(self
                .transcript
                .map(|view| Prediction::Transcript(view.into())))
            .or(self.values.map(Prediction::Values))
    }
}
