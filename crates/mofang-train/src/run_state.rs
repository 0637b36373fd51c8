//! Where a run stands: everything but the tensors that the next step depends on.
//!
//! There is no state of a random generator, because there is no generator that lives longer than
//! its use: initial weights are a function of the seed, the order of an epoch of (seed, epoch), an
//! augmentation of (seed, epoch, example) and dropout of (seed, step). Schedules are functions of
//! the step. So seed, epoch, batch and step say it all.

use std::collections::BTreeMap;

use mofang_nn::ComputeDevice;
use mofang_types::ArtifactDigest;
use serde::{Deserialize, Serialize};

use crate::StopReason;
use crate::early_stopping::EarlyStopping;

/// The version of this format.
pub(crate) const STATE_FORMAT_VERSION: u32 = 1;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunState {
    pub(crate) format_version: u32,
    /// The recipe that the run follows.
    pub(crate) recipe_digest: ArtifactDigest,
    /// What it learns from and is steered by.
    pub(crate) split_digests: BTreeMap<String, ArtifactDigest>,
    /// The files that its pipeline names, such as a tokenizer.
    #[serde(default)]
    pub(crate) pipeline_digests: BTreeMap<String, ArtifactDigest>,
    /// The version of Mofang.
    pub(crate) code_version: String,
    /// The threads that computed; other numbers may round otherwise.
    pub(crate) compute_threads: usize,
    /// What computed; others round otherwise.
    #[serde(default = "the_processor")]
    pub(crate) device: String,
    /// The seed of everything random.
    pub(crate) seed: u64,
    /// Steps done.
    pub(crate) step: u64,
    /// The epoch of the next step, counted from 0.
    pub(crate) epoch: u64,
    /// The batch of the next step within its epoch.
    pub(crate) batch: usize,
    /// What the epoch has added up so far.
    pub(crate) sums: EpochSums,
    /// The epochs that are over.
    pub(crate) history: Vec<EpochRecord>,
    pub(crate) early_stopping: EarlyStopping,
    /// Time spent, resumed parts added up.
    pub(crate) elapsed_ms: u64,
    /// The length of `metrics.jsonl`.
    pub(crate) metrics_bytes: u64,
    /// The version whose weights the run began with.
    #[serde(default)]
    pub(crate) parent: Option<String>,
    /// Why the run is over, when it is.
    pub(crate) finished: Option<StopReason>,
}

/// What runs computed on before there was anything else.
fn the_processor() -> String {
    ComputeDevice::cpu().to_string()
}

/// Sums over the steps of an epoch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct EpochSums {
    /// Of loss × examples.
    #[serde(with = "crate::exact")]
    pub(crate) loss: f64,
    /// None where there are no classes.
    #[serde(default)]
    pub(crate) correct: Option<u64>,
    pub(crate) examples: u64,
}

impl EpochSums {
    /// The mean loss of an example.
    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss / self.examples.max(1) as f64
    }

    /// The share of examples that were right when they were trained on; none without classes.
    pub(crate) fn accuracy(&self) -> Option<f64> {
        self.correct
            .map(|correct| correct as f64 / self.examples.max(1) as f64)
    }

    /// Takes in how many of a step's examples were right.
    pub(crate) fn add_correct(&mut self, correct: Option<u64>) {
        if let Some(correct) = correct {
            *self.correct.get_or_insert(0) += correct;
        }
    }
}

/// An epoch that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: u64,
    /// Steps done at its end.
    pub step: u64,
    /// The mean training loss over its steps.
    pub loss: f64,
    /// The share of training examples that were right at their step; none without classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// The metrics on the validation split, by name; empty without one.
    pub validation: BTreeMap<String, f64>,
    /// Time spent since the run began, resumed parts added up.
    pub elapsed_ms: u64,
}
