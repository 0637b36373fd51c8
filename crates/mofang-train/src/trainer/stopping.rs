//! When a run ends, by the rules of its recipe.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::StopReason;
use crate::early_stopping::{Best, EarlyStopping};
use crate::metrics::find_value;
use crate::recipe::{StopRules, TrainSection};
use crate::run_state::EpochRecord;

/// Why a run ends after so many steps in so long a time, when it does.
pub(super) fn limit(rules: &StopRules, step: u64, elapsed: Duration) -> Option<StopReason> {
    if let Some(steps) = rules.steps.filter(|steps| step >= *steps) {
        return Some(StopReason::Steps { steps });
    }
    let elapsed = elapsed.as_secs_f64();
    let seconds = rules.seconds.filter(|seconds| elapsed >= *seconds)?;
    Some(StopReason::Seconds { seconds })
}

/// Takes in an epoch's value of the monitored metric, where there is one.
pub(super) fn observe(
    early_stopping: &mut EarlyStopping,
    train: &TrainSection,
    epoch: u64,
    step: u64,
    validation: &BTreeMap<String, f64>,
) {
    let metric = find_value(&train.monitor);
    if let (Ok(metric), Some(value)) = (metric, validation.get(&train.monitor)) {
        let latest = Best {
            epoch,
            step,
            value: *value,
        };
        early_stopping.observe(metric, latest, train.stop.min_delta);
    }
}

/// Why a run ends after an epoch that is over, or was cut off by `limit`, when it does.
pub(super) fn end_of_epoch(
    rules: &StopRules,
    record: &EpochRecord,
    limit: Option<StopReason>,
    early_stopping: &EarlyStopping,
) -> Option<StopReason> {
    target_reached(rules, record)
        .or(limit)
        .or_else(|| epoch_limit(rules, record.epoch, early_stopping))
}

fn target_reached(rules: &StopRules, record: &EpochRecord) -> Option<StopReason> {
    let target = rules.target.as_ref()?;
    let value = *record.validation.get(&target.metric)?;
    let is_reached = find_value(&target.metric).is_ok_and(|m| m.reaches(value, target.value));
    is_reached.then(|| StopReason::Target {
        metric: target.metric.clone(),
        value,
    })
}

fn epoch_limit(
    rules: &StopRules,
    epoch: u64,
    early_stopping: &EarlyStopping,
) -> Option<StopReason> {
    if let Some(epochs) = rules.epochs.filter(|epochs| epoch >= *epochs) {
        return Some(StopReason::Epochs { epochs });
    }
    let waited = early_stopping.epochs_without_improvement;
    let epochs = rules.patience_epochs.filter(|epochs| waited >= *epochs)?;
    Some(StopReason::Patience { epochs })
}
