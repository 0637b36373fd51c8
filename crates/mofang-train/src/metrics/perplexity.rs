//! Perplexity.

use super::{Judged, Metric, MetricValue, Outcomes};

/// The exponential of the cross-entropy: among how many equally probable tokens the next one hides.
#[derive(Debug)]
pub(super) struct Perplexity;

impl Metric for Perplexity {
    fn name(&self) -> &'static str {
        "perplexity"
    }

    fn summary(&self) -> &'static str {
        "the exponential of the cross-entropy of tokens"
    }

    fn judges(&self) -> Judged {
        Judged::Tokens
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::lower("perplexity")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Tokens(outcomes) = outcomes else {
            return Vec::new();
        };
        vec![("perplexity", outcomes.mean_loss().exp())]
    }
}
