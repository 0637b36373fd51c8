//! Accuracy of tokens.

use super::{Judged, Metric, MetricValue, Outcomes};

/// The share of tokens that were held for the most probable.
#[derive(Debug)]
pub(super) struct TokenAccuracy;

impl Metric for TokenAccuracy {
    fn name(&self) -> &'static str {
        "token_accuracy"
    }

    fn summary(&self) -> &'static str {
        "the share of tokens that were held for the most probable"
    }

    fn judges(&self) -> Judged {
        Judged::Tokens
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::higher("token_accuracy")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Tokens(outcomes) = outcomes else {
            return Vec::new();
        };
        let share = |correct| correct as f64 / outcomes.len() as f64;
        let correct = outcomes.correct().map(share);
        correct
            .map(|share| ("token_accuracy", share))
            .into_iter()
            .collect()
    }
}
