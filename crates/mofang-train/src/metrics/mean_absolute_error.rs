//! Mean absolute error.

use super::{Judged, Metric, MetricValue, Outcomes};

/// The mean of |predicted − true|, in the units of what was learned.
#[derive(Debug)]
pub(super) struct MeanAbsoluteError;

impl Metric for MeanAbsoluteError {
    fn name(&self) -> &'static str {
        "mean_absolute_error"
    }

    fn summary(&self) -> &'static str {
        "the mean distance from the true number, in its units"
    }

    fn judges(&self) -> Judged {
        Judged::Numbers
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::lower("mae")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Numbers(outcomes) = outcomes else {
            return Vec::new();
        };
        let sum = outcomes.sum_of(|predicted, truth| (predicted - truth).abs());
        vec![("mae", sum / outcomes.len() as f64)]
    }
}
