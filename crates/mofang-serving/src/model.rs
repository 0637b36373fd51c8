//! What serving needs of a model.

use std::fmt;
use std::sync::Arc;

use mofang_data::RawExample;
use mofang_runtime::Predictor;
use mofang_types::{Prediction, Tensor};

use crate::SharedError;

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
