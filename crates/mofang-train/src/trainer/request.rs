//! What is asked of a trainer.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_data::{Dataset, PipelineFiles};
use mofang_nn::DeviceChoice;
use mofang_types::Clock;

use super::TrainObserver;
use crate::Recipe;

/// Whether a run begins or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It begins; a folder that has checkpoints, or the metrics of trees, is refused.
    Fresh,
    /// It goes on from its newest checkpoint that is whole; without one, as trees always are, it begins again.
    Latest,
}

/// Weights to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialWeights {
    /// The version that they are of, e.g. `digits@1`; none for a file.
    pub parent: Option<String>,
    /// The safetensors file.
    pub bytes: Vec<u8>,
}

/// What to train, where, and who watches.
pub struct TrainRequest<'a> {
    /// The recipe.
    pub recipe: Recipe,
    /// Its dataset, split as the recipe says.
    pub dataset: Arc<Dataset>,
    /// The run's folder, whose name is the run's id. It is made when it is missing.
    pub run_dir: PathBuf,
    /// Whether the run begins or goes on.
    pub resume: Resume,
    /// What to begin with instead of fresh weights. A run that goes on ignores it.
    pub initial_weights: Option<InitialWeights>,
    /// Files that steps of the pipeline take from elsewhere, such as a tokenizer.
    pub pipeline_files: PipelineFiles,
    /// What a network computes on; trees grow on the processor. A run may go on on another.
    pub device: DeviceChoice,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Set by whoever wants the run to end, at a checkpoint where it has any.
    pub stop: Arc<AtomicBool>,
    /// Is told how it goes.
    pub observer: &'a mut dyn TrainObserver,
}

impl fmt::Debug for TrainRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainRequest")
            .field("model", &self.recipe.model.name)
            .field("dataset", &self.dataset.name)
            .field("run_dir", &self.run_dir)
            .field("resume", &self.resume)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
