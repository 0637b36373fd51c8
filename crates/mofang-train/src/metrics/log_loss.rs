//! Log loss (cross-entropy).

use super::{Metric, MetricValue, Outcomes};

/// The mean of −ln p(true class), with p kept above the smallest double so that it stays finite.
#[derive(Debug)]
pub(super) struct LogLoss;

impl Metric for LogLoss {
    fn name(&self) -> &'static str {
        "log_loss"
    }

    fn summary(&self) -> &'static str {
        "the mean of -ln of the probability of the true class"
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::lower("log_loss")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Classes(outcomes) = outcomes else {
            return Vec::new();
        };
        let sum: f64 = outcomes
            .rows()
            .zip(outcomes.labels())
            .zip(outcomes.counts())
            .filter(|(_, count)| **count > 0)
            .filter_map(|((row, label), count)| Some((row.get(*label)?, f64::from(*count))))
            // scikit-learn keeps probabilities in [ε, 1 − ε] with the ε of their type.
            .map(|(p, count)| -count * p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln())
            .sum();
        vec![("log_loss", sum / outcomes.len() as f64)]
    }
}
