//! Character error rate.

use super::{Judged, Metric, MetricValue, Outcomes};

/// The share of characters that were taken for others, left out or added.
#[derive(Debug)]
pub(super) struct CharacterErrorRate;

impl Metric for CharacterErrorRate {
    fn name(&self) -> &'static str {
        "character_error_rate"
    }

    fn summary(&self) -> &'static str {
        "the share of characters that were taken for others, left out or added"
    }

    fn judges(&self) -> Judged {
        Judged::Transcripts
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::lower("character_error_rate")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Transcripts(outcomes) = outcomes else {
            return Vec::new();
        };
        vec![("character_error_rate", outcomes.character_errors().rate())]
    }
}
