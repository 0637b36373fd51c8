//! Root of the mean squared error.

use super::{Judged, Metric, MetricValue, Outcomes};

/// The root of the mean of (predicted − true)², in the units of what was learned.
#[derive(Debug)]
pub(super) struct RootMeanSquaredError;

impl Metric for RootMeanSquaredError {
    fn name(&self) -> &'static str {
        "root_mean_squared_error"
    }

    fn summary(&self) -> &'static str {
        "the root of the mean squared distance from the true number, in its units"
    }

    fn judges(&self) -> Judged {
        Judged::Numbers
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::lower("rmse")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Numbers(outcomes) = outcomes else {
            return Vec::new();
        };
        let sum = outcomes.sum_of(|predicted, truth| (predicted - truth).powi(2));
        vec![("rmse", (sum / outcomes.len() as f64).sqrt())]
    }
}
