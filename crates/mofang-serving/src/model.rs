//! What serving needs of a model.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use mofang_data::{GenerationDefaults, RawExample};
use mofang_runtime::{GenerateSettings, Predictor};
use mofang_types::{GeneratedText, Prediction, Tensor};

use crate::{ServingError, SharedError};

/// A loaded model between its pipeline's transforms and decoders.
pub trait ServedModel: Send + Sync + fmt::Debug {
    /// Makes one example into one model input, without a batch dimension.
    fn prepare(&self, example: &RawExample) -> Result<Tensor, SharedError>;

    /// The same, with what whoever asks should know about the example put into `warnings`.
    fn prepare_noting(
        &self,
        example: &RawExample,
        warnings: &mut Vec<String>,
    ) -> Result<Tensor, SharedError> {
        let _ = warnings;
        self.prepare(example)
    }

    /// Checks a model input that its caller has prepared.
    fn check(&self, input: &Tensor) -> Result<(), SharedError>;

    /// Computes a batch: `[n, …]` to `[n, outputs]`.
    fn infer(&self, batch: &Tensor) -> Result<Tensor, SharedError>;

    /// Makes one row of outputs into an answer.
    fn decode(&self, row: &[f32], top_k: Option<usize>) -> Result<Prediction, SharedError>;

    /// How texts go on where a request does not say it; `None` for a model that goes on with none, to which
    /// everything else is asked.
    fn generation(&self) -> Option<&GenerationDefaults> {
        None
    }

    /// Goes on with a text, as [`Predictor::generate`] does: `told` gets each piece, at least once for each
    /// token, and ends the text when it breaks.
    fn generate(
        &self,
        prompt: &RawExample,
        settings: &GenerateSettings,
        warnings: &mut Vec<String>,
        told: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<GeneratedText, SharedError> {
        let _ = (prompt, settings, warnings, told);
        Err(Arc::new(ServingError::NoLanguageModel {
            model: "the model".to_owned(),
        }))
    }

    /// The value that fills a shorter input up, where those of a batch may differ in their first
    /// dimension; `None` where they may not.
    fn padding(&self) -> Option<f32> {
        None
    }

    /// The memory that the model takes.
    fn size_bytes(&self) -> u64;

    /// The predictor itself, for evaluation; `None` for a model that is none.
    fn into_predictor(self: Arc<Self>) -> Option<Arc<Predictor>> {
        None
    }
}

impl ServedModel for Predictor {
    fn prepare(&self, example: &RawExample) -> Result<Tensor, SharedError> {
        Self::prepare(self, example).map_err(|error| Arc::new(error) as SharedError)
    }

    fn prepare_noting(
        &self,
        example: &RawExample,
        warnings: &mut Vec<String>,
    ) -> Result<Tensor, SharedError> {
        Self::prepare_noting(self, example, warnings)
            .map_err(|error| Arc::new(error) as SharedError)
    }

    fn check(&self, input: &Tensor) -> Result<(), SharedError> {
        Self::check(self, input).map_err(|error| Arc::new(error) as SharedError)
    }

    fn infer(&self, batch: &Tensor) -> Result<Tensor, SharedError> {
        Self::infer(self, batch).map_err(|error| Arc::new(error) as SharedError)
    }

    fn decode(&self, row: &[f32], top_k: Option<usize>) -> Result<Prediction, SharedError> {
        Self::decode(self, row, top_k).map_err(|error| Arc::new(error) as SharedError)
    }

    fn generation(&self) -> Option<&GenerationDefaults> {
        Self::generation(self)
    }

    fn generate(
        &self,
        prompt: &RawExample,
        settings: &GenerateSettings,
        warnings: &mut Vec<String>,
        told: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<GeneratedText, SharedError> {
        Self::generate(self, prompt, settings, warnings, told)
            .map_err(|error| Arc::new(error) as SharedError)
    }

    fn padding(&self) -> Option<f32> {
        Self::padding(self)
    }

    fn size_bytes(&self) -> u64 {
        Self::size_bytes(self)
    }

    fn into_predictor(self: Arc<Self>) -> Option<Arc<Predictor>> {
        Some(self)
    }
}
