//! `[train]`: how the model learns.

use std::collections::BTreeMap;

use mofang_types::Task;
use serde::{Deserialize, Serialize};

use super::RecipeError;
use crate::lr_schedule::LrScheduleSpec;
use crate::metrics;
use crate::optimizer::{AdamWSpec, OptimizerSpec};

/// How the model learns. What is for networks alone has no place in a recipe of trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSection {
    /// The seed of initial weights, order, augmentations and dropout.
    pub seed: u64,
    /// Examples in a step of a network.
    #[serde(default = "default_batch_size")]
    pub batch_size: usize,
    /// Whether a last batch of an epoch that is not full is left out.
    #[serde(default)]
    pub drop_last: bool,
    /// Whether examples of about the same length make a batch, so that little of it is filled up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group_by_length: bool,
    /// How the parameters of a network follow their gradients.
    #[serde(default = "default_optimizer")]
    pub optimizer: OptimizerSpec,
    /// Parameters that stay as they are, by the beginnings of their names: `encoder.layer.0`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<String>,
    /// What the learning rate is multiplied by for some parameters, by the beginnings of their names; the
    /// longest counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub learning_rate_factors: BTreeMap<String, f64>,
    /// How the learning rate changes.
    #[serde(default)]
    pub schedule: LrScheduleSpec,
    /// The longest gradient, by its norm over all parameters; longer ones are scaled down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// The share of the target that is spread evenly over all classes.
    #[serde(default)]
    pub label_smoothing: f64,
    /// How much an example of each class counts. Nothing when left out: all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// When it ends.
    pub stop: StopRules,
    /// The metric on the validation split by which the best epoch is chosen and patience is measured.
    /// When left out: `accuracy` for classes, `rmse` for numbers, `cross_entropy` for tokens, `word_error_rate` for
    /// what was said.
    #[serde(default)]
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

fn default_batch_size() -> usize {
    256
}

fn default_optimizer() -> OptimizerSpec {
    OptimizerSpec::AdamW(AdamWSpec::default())
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

/// How much an example of each class counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// By a rule.
    Rule(ClassWeightRule),
    /// By label; a label that is left out counts 1.
    ByLabel(std::collections::BTreeMap<String, f64>),
}

/// A rule for the weights of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeightRule {
    /// `examples / (classes · examples of the class)`, so that every class counts the same.
    Balanced,
}

impl ClassWeights {
    /// The weight of each class, of which there are so many training examples.
    ///
    /// # Errors
    /// When a label is none of the classes, or a weight is not above 0.
    pub(crate) fn of(&self, labels: &[String], counts: &[usize]) -> Result<Vec<f64>, RecipeError> {
        match self {
            Self::Rule(ClassWeightRule::Balanced) => {
                let total: usize = counts.iter().sum();
                let even = total as f64 / counts.len().max(1) as f64;
                Ok(counts
                    .iter()
                    .map(|count| even / (*count).max(1) as f64)
                    .collect())
            }
            Self::ByLabel(weights) => {
                let invalid = |reason| Err(RecipeError::invalid("train", reason));
                if let Some(unknown) = weights.keys().find(|label| !labels.contains(label)) {
                    return invalid(format!(
                        "class_weights: \"{unknown}\" is no label; there are {}",
                        labels.join(", ")
                    ));
                }
                if let Some((label, weight)) = weights
                    .iter()
                    .find(|(_, weight)| !(**weight > 0.0 && weight.is_finite()))
                {
                    return invalid(format!(
                        "class_weights: {weight} of \"{label}\" is not above 0"
                    ));
                }
                let weight = |label| weights.get(label).copied().unwrap_or(1.0);
                Ok(labels.iter().map(weight).collect())
            }
        }
    }
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

    pub(super) fn check(&self, task: Task) -> Result<(), RecipeError> {
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
        let mut factors = self.learning_rate_factors.iter();
        if let Some((name, factor)) = factors.find(|(_, factor)| !(0.0..=1e6).contains(*factor)) {
            return invalid(format!(
                "learning_rate_factors: {factor} for \"{name}\" is not between 0 and 1000000"
            ));
        }
        if self.class_weights.is_some() && !task.is_classification() {
            return invalid(format!(
                "class_weights are for classes, and {task} has none"
            ));
        }
        metrics::find_value_for(&self.monitor, task)
            .map_err(|hint| RecipeError::invalid("train", format!("monitor: {hint}")))?;
        self.optimizer
            .check()
            .map_err(|reason| RecipeError::invalid("train", format!("optimizer: {reason}")))?;
        self.stop.check(task)?;
        let has_end = self.stop.epochs.is_some() || self.stop.steps.is_some();
        self.schedule
            .check(has_end)
            .map_err(|reason| RecipeError::invalid("train", format!("schedule: {reason}")))
    }
}

impl StopRules {
    fn check(&self, task: Task) -> Result<(), RecipeError> {
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
            Some(target) => metrics::find_value_for(&target.metric, task)
                .map(|_| ())
                .map_err(|hint| RecipeError::invalid("train.stop", format!("target: {hint}"))),
            None => Ok(()),
        }
    }
}
