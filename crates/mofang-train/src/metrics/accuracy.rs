//! Accuracy.

use super::{Metric, MetricValue, Outcomes};

/// The share of examples whose most probable class is the true one.
#[derive(Debug)]
pub(super) struct Accuracy;

impl Metric for Accuracy {
    fn name(&self) -> &'static str {
        "accuracy"
    }

    fn summary(&self) -> &'static str {
        "the share of examples whose most probable class is the true one"
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::higher("accuracy")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Classes(outcomes) = outcomes else {
            return Vec::new();
        };
        let correct = outcomes.confusion().correct() as f64;
        vec![("accuracy", correct / outcomes.len() as f64)]
    }
}
