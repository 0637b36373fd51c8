//! A language model for the unit tests.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mofang_data::{GenerationDefaults, RawExample, StopRule};
use mofang_registry::Route;
use mofang_runtime::GenerateSettings;
use mofang_types::{
    ErrorCode, FinishReason, GeneratedText, ModelReference, Prediction, Sampling, Tensor,
};
use parking_lot::{Condvar, Mutex};

use super::{refused, route};
use crate::{ModelSource, ServedModel, ServingError, SharedError};

/// A prompt at which the model panics.
pub(crate) const PANIC_PROMPT: &str = "poison";

/// A language model whose tokens are numbers that the seed decides. It can be told to wait before a token.
#[derive(Debug)]
pub(crate) struct Storyteller {
    defaults: GenerationDefaults,
    /// How many more tokens may come; any number when nothing is said.
    allowed: Mutex<Option<usize>>,
    changed: Condvar,
    /// How long each token takes.
    pub(crate) pause: Duration,
    told: AtomicUsize,
}

impl Storyteller {
    /// Tells so many tokens where a request does not say how many.
    pub(crate) fn new(max_tokens: usize) -> Self {
        Self {
            defaults: GenerationDefaults {
                sampling: Sampling::default(),
                stop: StopRule {
                    max_tokens,
                    texts: Vec::new(),
                    tokens: Vec::new(),
                },
            },
            allowed: Mutex::new(None),
            changed: Condvar::new(),
            pause: Duration::ZERO,
            told: AtomicUsize::new(0),
        }
    }

    /// Lets so many further tokens come, and no more.
    pub(crate) fn allow(&self, tokens: usize) {
        *self.allowed.lock() = Some(tokens);
        self.changed.notify_all();
    }

    /// Lets all tokens come.
    pub(crate) fn open(&self) {
        *self.allowed.lock() = None;
        self.changed.notify_all();
    }

    /// How many tokens it has told.
    pub(crate) fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }

    fn wait(&self) {
        std::thread::sleep(self.pause);
        let mut allowed = self.allowed.lock();
        while *allowed == Some(0) {
            self.changed.wait(&mut allowed);
        }
        if let Some(tokens) = &mut *allowed {
            *tokens -= 1;
        }
    }
}

impl ServedModel for Storyteller {
    fn prepare(&self, _example: &RawExample) -> Result<Tensor, SharedError> {
        Err(refused("nobody prepares a prompt", ErrorCode::Internal))
    }

    fn check(&self, _input: &Tensor) -> Result<(), SharedError> {
        Ok(())
    }

    fn infer(&self, _batch: &Tensor) -> Result<Tensor, SharedError> {
        Err(refused("nobody asks for logits", ErrorCode::Internal))
    }

    fn decode(&self, _row: &[f32], _top_k: Option<usize>) -> Result<Prediction, SharedError> {
        Err(refused("a row is no text", ErrorCode::Internal))
    }

    fn generation(&self) -> Option<&GenerationDefaults> {
        Some(&self.defaults)
    }

    fn generate(
        &self,
        prompt: &RawExample,
        settings: &GenerateSettings,
        warnings: &mut Vec<String>,
        told: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<GeneratedText, SharedError> {
        let RawExample::Text(prompt) = prompt else {
            return Err(refused("the model takes texts", ErrorCode::InvalidInput));
        };
        assert_ne!(prompt, PANIC_PROMPT, "the model met its poison");
        if prompt.is_empty() {
            return Err(refused("the text has no token", ErrorCode::InvalidInput));
        }
        warnings.push(format!("read {prompt}"));
        let mut text = String::new();
        let mut completion_tokens = 0;
        while completion_tokens < settings.max_tokens {
            self.wait();
            let piece = format!("{} ", settings.seed * 1000 + completion_tokens as u64);
            text.push_str(&piece);
            completion_tokens += 1;
            let answer = told(&piece);
            self.told.fetch_add(1, Ordering::SeqCst);
            if answer.is_break() {
                break;
            }
        }
        Ok(GeneratedText {
            text,
            finish_reason: FinishReason::Length,
            prompt_tokens: prompt.len(),
            completion_tokens,
        })
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

/// A source whose one version, `m@1`, is a language model.
#[derive(Debug)]
pub(crate) struct StorySource(pub(crate) Arc<Storyteller>);

#[async_trait]
impl ModelSource for StorySource {
    fn resolve(&self, _reference: &ModelReference) -> Result<Route, ServingError> {
        Ok(route(1))
    }

    async fn load(&self, _route: &Route) -> Result<Arc<dyn ServedModel>, ServingError> {
        Ok(Arc::clone(&self.0) as Arc<dyn ServedModel>)
    }
}
