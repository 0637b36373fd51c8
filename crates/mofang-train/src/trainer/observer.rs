//! Who watches a run.

use mofang_data::SplitName;
use mofang_nn::LoadReport;

use crate::metrics_log::StepRecord;
use crate::run_state::EpochRecord;

/// Is told how a run goes. Every method may be left out.
pub trait TrainObserver {
    /// The run begins, or goes on.
    fn started(&mut self, start: &TrainStart) {
        let _ = start;
    }

    /// The network has taken the weights that it begins with.
    fn initialized(&mut self, report: &LoadReport) {
        let _ = report;
    }

    /// A step is done.
    fn step(&mut self, step: &StepRecord, progress: &EpochProgress) {
        let _ = (step, progress);
    }

    /// An epoch is over.
    fn epoch(&mut self, epoch: &EpochRecord) {
        let _ = epoch;
    }

    /// A checkpoint is on its way to the disk.
    fn checkpoint(&mut self, step: u64) {
        let _ = step;
    }

    /// The model is about to be judged.
    fn evaluating(&mut self, split: SplitName, examples: usize) {
        let _ = (split, examples);
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl TrainObserver for NoObserver {}

/// What is known when a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainStart {
    /// The run.
    pub run_id: String,
    /// Trainable values of the network.
    pub parameters: usize,
    /// Examples to learn from.
    pub train_examples: usize,
    /// Steps in an epoch.
    pub steps_per_epoch: u64,
    /// Steps of the whole run, when its rules fix them; it may end earlier.
    pub steps_total: Option<u64>,
    /// The step of the checkpoint that the run goes on from.
    pub resumed_step: Option<u64>,
}

/// How far the epoch is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochProgress {
    /// Batches done in the epoch.
    pub batch: usize,
    /// Batches in the epoch.
    pub batches: usize,
    /// The mean loss of the epoch so far.
    pub mean_loss: f64,
    /// The accuracy of the epoch so far; none without classes.
    pub accuracy: Option<f64>,
}
