//! Whether a run is good enough to be published on its own.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::metrics::find_value;
use crate::recipe::MetricTarget;

/// What was asked of a run, and what it gave. A run that was not asked anything passes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GateResult {
    /// Each demand.
    pub checks: Vec<GateCheck>,
}

/// Where a demand comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// `[evaluate.gate]`, on the test split.
    Gate,
    /// `[train.stop] target`, on the validation split.
    Target,
}

/// A demand and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateCheck {
    /// Where it comes from.
    pub demand: Demand,
    /// The metric.
    pub metric: String,
    /// The value to reach.
    pub bound: f64,
    /// The value that came; none when the metric could not be computed.
    pub value: Option<f64>,
    /// Whether it was reached.
    pub is_passed: bool,
}

impl GateResult {
    /// Judges the demands. `best_target` is the best value of the target's metric on validation.
    pub(crate) fn new(
        gate: &BTreeMap<String, f64>,
        test: &BTreeMap<String, f64>,
        target: Option<(&MetricTarget, Option<f64>)>,
    ) -> Self {
        let check = |demand, metric: &str, bound: f64, value: Option<f64>| GateCheck {
            demand,
            metric: metric.to_owned(),
            bound,
            value,
            is_passed: value.is_some_and(|value| {
                find_value(metric).is_ok_and(|metric| metric.reaches(value, bound))
            }),
        };
        let target = target
            .map(|(target, value)| check(Demand::Target, &target.metric, target.value, value));
        let gate = gate
            .iter()
            .map(|(metric, bound)| check(Demand::Gate, metric, *bound, test.get(metric).copied()));
        Self {
            checks: target.into_iter().chain(gate).collect(),
        }
    }

    /// Whether every demand is met.
    pub fn is_passed(&self) -> bool {
        self.checks.iter().all(|check| check.is_passed)
    }

    /// Why the run is not to be published, when it is not.
    pub fn refusal(&self) -> Option<String> {
        let failed: Vec<String> = self
            .checks
            .iter()
            .filter(|check| !check.is_passed)
            .map(ToString::to_string)
            .collect();
        (!failed.is_empty()).then(|| failed.join("; "))
    }
}

impl fmt::Display for GateCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let higher_is_better = find_value(&self.metric).is_ok_and(|metric| metric.higher_is_better);
        let side = if higher_is_better {
            "at least"
        } else {
            "at most"
        };
        let (source, split) = match self.demand {
            Demand::Gate => ("gate", "test"),
            Demand::Target => ("target", "validation"),
        };
        let verdict = if self.is_passed { "passed" } else { "missed" };
        write!(
            f,
            "the {source} of {side} {} for {} is {verdict}: ",
            self.bound, self.metric
        )?;
        match self.value {
            Some(value) => write!(f, "{value:.4} on the {split} split"),
            None => write!(f, "it cannot be computed on the {split} split"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_demand_must_be_met_in_its_direction() {
        let gate = BTreeMap::from([("accuracy".to_owned(), 0.9), ("log_loss".to_owned(), 0.5)]);
        let test = |accuracy, loss| {
            BTreeMap::from([
                ("accuracy".to_owned(), accuracy),
                ("log_loss".to_owned(), loss),
            ])
        };
        let result = |accuracy, loss| GateResult::new(&gate, &test(accuracy, loss), None);
        assert!(result(0.9, 0.5).is_passed() && result(0.9, 0.5).refusal().is_none());
        let refusal = result(0.89, 0.5).refusal().unwrap();
        assert_eq!(
            refusal,
            "the gate of at least 0.9 for accuracy is missed: 0.8900 on the test split"
        );
        assert!(
            result(0.9, 0.51)
                .refusal()
                .unwrap()
                .contains("at most 0.5 for log_loss")
        );
        assert!(!result(f64::NAN, 0.1).is_passed());
        assert!(!GateResult::new(&gate, &BTreeMap::new(), None).is_passed());
        assert!(GateResult::default().is_passed());
    }

    #[test]
    fn a_missed_target_is_a_refusal() {
        let target = MetricTarget {
            metric: "accuracy".to_owned(),
            value: 0.99,
        };
        let result =
            |value| GateResult::new(&BTreeMap::new(), &BTreeMap::new(), Some((&target, value)));
        assert!(result(Some(0.99)).is_passed());
        assert!(result(Some(0.98)).refusal().unwrap().contains("target"));
        assert!(
            result(None)
                .refusal()
                .unwrap()
                .contains("cannot be computed")
        );
    }
}
