//! Mean absolute percentage error.

use super::{Judged, Metric, MetricValue, Outcomes};

/// The mean of |predicted − true| / |true|, as a fraction. Left out where a true number is 0, whose
/// share nothing is.
#[derive(Debug)]
pub(super) struct MeanAbsolutePercentageError;

impl Metric for MeanAbsolutePercentageError {
    fn name(&self) -> &'static str {
        "mean_absolute_percentage_error"
    }

    fn summary(&self) -> &'static str {
        "the mean distance from the true number, as a share of it"
    }

    fn judges(&self) -> Judged {
        Judged::Numbers
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::lower("mape")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Numbers(outcomes) = outcomes else {
            return Vec::new();
        };
        let mut counted = outcomes.truth().iter().zip(outcomes.counts());
        if counted.any(|(truth, count)| *truth == 0.0 && *count > 0) {
            return Vec::new();
        }
        let sum = outcomes.sum_of(|predicted, truth| ((predicted - truth) / truth).abs());
        vec![("mape", sum / outcomes.len() as f64)]
    }
}
