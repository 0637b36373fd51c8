//! Exact match.

use super::{Judged, Metric, MetricValue, Outcomes};

/// The share of recordings of which everything was understood.
#[derive(Debug)]
pub(super) struct ExactMatch;

impl Metric for ExactMatch {
    fn name(&self) -> &'static str {
        "exact_match"
    }

    fn summary(&self) -> &'static str {
        "the share of recordings of which everything was understood"
    }

    fn judges(&self) -> Judged {
        Judged::Transcripts
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::higher("exact_match")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Transcripts(outcomes) = outcomes else {
            return Vec::new();
        };
        vec![(
            "exact_match",
            outcomes.exact() as f64 / outcomes.len() as f64,
        )]
    }
}
