//! How texts that go on are shown.

use mofang_serving::GenerateOutcome;
use mofang_types::FinishReason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::routes::predict::TimingView;

/// A text that a model went on with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GenerateView {
    /// What comes behind the prompt.
    #[schema(example = ", there was a little girl")]
    pub text: String,
    /// How it ended.
    #[serde(flatten)]
    pub end: GenerateEndView,
    /// Where the time went: waiting for a place, and computing.
    pub timing: TimingView,
}

/// A piece of a text, as the data of an event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GeneratePieceView {
    /// The piece; all of them together are the text.
    pub text: String,
}

/// How a text ended; the data of the last event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GenerateEndView {
    /// The model.
    #[schema(example = "tale")]
    pub model: String,
    /// The number of its version.
    #[schema(example = 1)]
    pub version: u32,
    /// Why it ended: `length` or `stop`.
    #[schema(value_type = String, example = "length")]
    pub finish_reason: FinishReason,
    /// Tokens of the prompt, as far as they were read.
    pub prompt_tokens: usize,
    /// Tokens that were chosen, the one that ended the text included.
    pub completion_tokens: usize,
    /// What the draws were a function of: the same seed gives the same text again.
    pub seed: u64,
    /// What whoever asks should know, such as that the beginning of the prompt was not read.
    pub warnings: Vec<String>,
}

impl GenerateView {
    pub(super) fn new(model: String, version: u32, mut outcome: GenerateOutcome) -> Self {
        Self {
            text: std::mem::take(&mut outcome.generated.text),
            timing: TimingView {
                queue_ms: outcome.queue_ms,
                infer_ms: outcome.infer_ms,
            },
            end: GenerateEndView::new(model, version, outcome),
        }
    }
}

impl GenerateEndView {
    pub(super) fn new(model: String, version: u32, outcome: GenerateOutcome) -> Self {
        Self {
            model,
            version,
            finish_reason: outcome.generated.finish_reason,
            prompt_tokens: outcome.generated.prompt_tokens,
            completion_tokens: outcome.generated.completion_tokens,
            seed: outcome.seed,
            warnings: outcome.warnings,
        }
    }
}
