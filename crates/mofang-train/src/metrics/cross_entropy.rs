//! Cross-entropy of tokens.

use super::{Judged, Metric, MetricValue, Outcomes};

/// The mean of −ln p(the token behind a token), in nats.
#[derive(Debug)]
pub(super) struct CrossEntropy;

impl Metric for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn summary(&self) -> &'static str {
        "the mean of -ln of the probability of the next token"
    }

    fn judges(&self) -> Judged {
        Judged::Tokens
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::lower("cross_entropy")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Tokens(outcomes) = outcomes else {
            return Vec::new();
        };
        vec![("cross_entropy", outcomes.mean_loss())]
    }
}
