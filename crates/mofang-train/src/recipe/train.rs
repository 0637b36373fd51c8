//! `[train]`: how the model learns.

use serde::{Deserialize, Serialize};

use super::RecipeError;
use crate::lr_schedule::LrScheduleSpec;
use crate::metrics;
use crate::optimizer::OptimizerSpec;

/// How the model learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSection {
    /// The seed of initial weights, order, augmentations and dropout.
    pub seed: u64,
    /// Examples in a step.
    pub batch_size: usize,
    /// Whether a last batch of an epoch that is not full is left out.
    #[serde(default)]
    pub drop_last: bool,
    /// Whether examples of about the same length make a batch, so that little of it is filled up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group_by_length: bool,
    /// How parameters follow their gradients.
    pub optimizer: OptimizerSpec,
    /// How the learning rate changes.
    #[serde(default)]
    pub schedule: LrScheduleSpec,
    /// The longest gradient, by its norm over all parameters; longer ones are scaled down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// The share of the target that is spread evenly over all classes.
    #[serde(default)]
    pub label_smoothing: f64,
    /// When it ends.
    pub stop: StopRules,
    /// The metric on the validation split by which the best epoch is chosen and patience is measured.
    #[serde(default = "default_monitor")]
    pub monitor: String,
    /// Which weights the run gives.
    #[serde(default)]
    pub final_weights: FinalWeights,
    /// Steps between two checkpoints; one more is written at the end of each epoch.
    #[serde(default = "default_checkpoint_every_steps")]
    pub checkpoint_every_steps: u64,
    /// The newest checkpoints that are kept, besides the best.
    #[serde(default = "default_checkpoints_kept")]
    pub checkpoints_kept: usize,
    /// Threads that prepare batches. They do not change the result.
    #[serde(default = "default_loader_threads")]
    pub loader_threads: usize,
}

fn default_monitor() -> String {
    "accuracy".to_owned()
}

fn default_checkpoint_every_steps() -> u64 {
    200
}

fn default_checkpoints_kept() -> usize {
    2
}

fn default_loader_threads() -> usize {
    1
}

/// Which weights a run gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalWeights {
    /// Those of the epoch that was best on the validation split.
    Best,
    /// Those of the last step.
    #[default]
    Last,
}

/// When a run ends: at whichever comes first. One of `epochs`, `steps` and `seconds` must be there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StopRules {
    /// After this many epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    /// After this many steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// After this long, resumed parts added up. Such a run is as long as its machine is fast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// As soon as the validation split reaches it. A run that ends otherwise has missed its target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<MetricTarget>,
    /// After this many epochs without improvement of the monitored metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience_epochs: Option<u64>,
    /// The least change that is an improvement.
    pub min_delta: f64,
}

/// A value for a metric to reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricTarget {
    /// The metric.
    pub metric: String,
    /// At least this, or, where less is better, at most.
    pub value: f64,
}

impl TrainSection {
    /// Whether something is decided by the validation split.
    pub(crate) fn needs_validation(&self) -> bool {
        self.final_weights == FinalWeights::Best
            || self.stop.target.is_some()
            || self.stop.patience_epochs.is_some()
    }

    pub(super) fn check(&self) -> Result<(), RecipeError> {
        let invalid = |reason: String| Err(RecipeError::invalid("train", reason));
        for (name, value) in [
            ("batch_size", self.batch_size),
            ("checkpoints_kept", self.checkpoints_kept),
            ("loader_threads", self.loader_threads),
        ] {
            if value == 0 || value > 1 << 20 {
                return invalid(format!("{name} = {value} is not between 1 and {}", 1 << 20));
            }
        }
        if self.checkpoint_every_steps == 0 {
            return invalid("checkpoint_every_steps must be at least 1".to_owned());
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return invalid(format!(
                "label_smoothing = {} is not in [0, 1)",
                self.label_smoothing
            ));
        }
        if let Some(norm) = self
            .clip_norm
            .filter(|norm| !(*norm > 0.0 && norm.is_finite()))
        {
            return invalid(format!("clip_norm = {norm} is not above 0"));
        }
        metrics::find_value(&self.monitor)
            .map_err(|hint| RecipeError::invalid("train", format!("monitor: {hint}")))?;
        self.optimizer
            .check()
            .map_err(|reason| RecipeError::invalid("train", format!("optimizer: {reason}")))?;
        self.stop.check()?;
        let has_end = self.stop.epochs.is_some() || self.stop.steps.is_some();
        self.schedule
            .check(has_end)
            .map_err(|reason| RecipeError::invalid("train", format!("schedule: {reason}")))
    }
}

impl StopRules {
    fn check(&self) -> Result<(), RecipeError> {
        let invalid = |reason: &str| Err(RecipeError::invalid("train.stop", reason));
        if self.epochs.is_none() && self.steps.is_none() && self.seconds.is_none() {
            return invalid("give epochs, steps or seconds, so that the run has an end");
        }
        if self.epochs == Some(0) || self.steps == Some(0) || self.patience_epochs == Some(0) {
            return invalid("epochs, steps and patience_epochs must be at least 1");
        }
        if self
            .seconds
            .is_some_and(|seconds| !(seconds > 0.0 && seconds.is_finite()))
        {
            return invalid("seconds must be above 0");
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            return invalid("min_delta must not be below 0");
        }
        match &self.target {
            Some(target) => metrics::find_value(&target.metric)
                .map(|_| ())
                .map_err(|hint| RecipeError::invalid("train.stop", format!("target: {hint}"))),
            None => Ok(()),
        }
    }
}
