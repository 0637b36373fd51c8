//! What a caller may ask for, and what it gets.

use std::time::Duration;

use mofang_types::{GeneratedText, GenerationOptions, ModelName, Prediction};

use crate::ServingError;

/// What a caller may ask for. Cancelling is dropping the future.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PredictOptions {
    /// How many classes to answer with; the package's own number when absent.
    pub top_k: Option<usize>,
    /// How long the answer may take, counted from the call; waiting in the queue counts.
    pub deadline: Option<Duration>,
}

/// A prediction and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictOutcome {
    /// The answer.
    pub prediction: Prediction,
    /// The model that gave it.
    pub model: ModelName,
    /// The number of its version.
    pub version: u32,
    /// How long the item waited for its batch.
    pub queue_ms: f64,
    /// How long the batch was computed.
    pub infer_ms: f64,
    /// How many items were computed together.
    pub batch_size: usize,
    /// Tokens that were read of a text; none of anything else.
    pub tokens: Option<usize>,
    /// What whoever asks should know, such as that the end of a text was not read.
    pub warnings: Vec<String>,
}

/// How a text shall go on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GenerateOptions {
    /// What the request says; the package says the rest.
    pub options: GenerationOptions,
    /// What the draws are a function of when the request names no seed.
    pub seed: u64,
    /// How long the whole text may take, counted from the call; waiting counts.
    pub deadline: Option<Duration>,
}

/// What is told of a text while it goes on.
#[derive(Debug, Clone)]
pub enum GenerationEvent {
    /// A further piece, never empty. All of them together are the text.
    Text(String),
    /// How it ended; nothing comes after it.
    End(Result<GenerateOutcome, ServingError>),
}

/// A text that went on to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOutcome {
    /// The text and why it ends where it does.
    pub generated: GeneratedText,
    /// What whoever asks should know, such as that the beginning of the prompt was not read.
    pub warnings: Vec<String>,
    /// How long it waited for a place.
    pub queue_ms: f64,
    /// How long it was computed.
    pub infer_ms: f64,
    /// What the draws were a function of: the same seed gives the same text again.
    pub seed: u64,
}

/// The outputs of a model for the examples of one call, and where they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct InferOutcome {
    /// The model's output for each example, in order, without a batch dimension.
    pub rows: Vec<Vec<f32>>,
    /// The model that computed them.
    pub model: ModelName,
    /// The number of its version.
    pub version: u32,
    /// How long the example waited that waited longest.
    pub queue_ms: f64,
    /// How long the batch was computed that took longest.
    pub infer_ms: f64,
}
