//! Word error rate.

use super::{Judged, Metric, MetricValue, Outcomes};

/// The share of words that were taken for others, left out or added.
#[derive(Debug)]
pub(super) struct WordErrorRate;

impl Metric for WordErrorRate {
    fn name(&self) -> &'static str {
        "word_error_rate"
    }

    fn summary(&self) -> &'static str {
        "the share of words that were taken for others, left out or added"
    }

    fn judges(&self) -> Judged {
        Judged::Transcripts
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::lower("word_error_rate")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Transcripts(outcomes) = outcomes else {
            return Vec::new();
        };
        vec![("word_error_rate", outcomes.word_errors().rate())]
    }
}
