//! The objects that tell completions.

use mofang_registry::Route;
use mofang_types::{FinishReason, GeneratedText};
use serde::Serialize;
use utoipa::ToSchema;

/// Texts that went on, or a piece of one of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiCompletion)]
pub(crate) struct Completion {
    #[serde(flatten)]
    pub(super) head: Head,
    /// The texts; of a stream at most one, and a piece of it.
    pub(super) choices: Vec<Choice>,
    /// How many tokens there were; of a stream told by the last chunk alone, when it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Usage>)]
    pub(super) usage: Option<ToldUsage>,
}

/// What all chunks of an answer have in common.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = OpenAiCompletionHead)]
pub(crate) struct Head {
    /// `cmpl-` and the id of the request.
    id: String,
    /// Always `text_completion`.
    #[schema(example = "text_completion")]
    object: &'static str,
    /// When the texts were asked for, in seconds since 1970.
    created: i64,
    /// The model as it was asked for.
    #[schema(example = "tale")]
    model: String,
    /// The version that answers: the same one gives the same text again for a seed.
    #[schema(example = "tale@1")]
    system_fingerprint: String,
}

impl Head {
    pub(super) fn new(request_id: &str, now_unix_ms: i64, model: String, route: &Route) -> Self {
        Self {
            id: format!("cmpl-{request_id}"),
            object: "text_completion",
            created: now_unix_ms / 1000,
            model,
            system_fingerprint: format!("{}@{}", route.model, route.number),
        }
    }
}

/// A text that went on, or a piece of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiCompletionChoice)]
pub(crate) struct Choice {
    /// The text, behind its prompt when `echo` was asked for.
    pub(super) text: String,
    /// Its place: the texts of the first prompt come first.
    pub(super) index: usize,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    pub(super) logprobs: (),
    /// Why it ended, `length` or `stop`; null before its end.
    #[schema(value_type = Option<String>, example = "length")]
    pub(super) finish_reason: Option<FinishReason>,
}

/// How many tokens there were.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
#[schema(as = OpenAiUsage)]
pub(crate) struct Usage {
    /// Of the prompts, each counted once.
    prompt_tokens: usize,
    /// Of all texts.
    completion_tokens: usize,
    /// Of both.
    total_tokens: usize,
}

/// What a chunk says of the usage.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(crate) enum ToldUsage {
    /// That it comes later: null.
    Later,
    /// All of it.
    Whole(Usage),
}

impl Usage {
    /// Adds a text; its prompt counts when it is the first one of it.
    pub(super) fn add(&mut self, generated: &GeneratedText, is_first: bool) {
        if is_first {
            self.prompt_tokens += generated.prompt_tokens;
        }
        self.completion_tokens += generated.completion_tokens;
        self.total_tokens = self.prompt_tokens + self.completion_tokens;
    }
}
