//! Coefficient of determination.

use super::{Judged, Metric, MetricValue, Outcomes};

/// `1 − Σ(predicted − true)² / Σ(true − mean)²`: 1 is perfect, 0 as good as the mean, less is worse. Left
/// out where the true numbers are all the same.
#[derive(Debug)]
pub(super) struct Determination;

impl Metric for Determination {
    fn name(&self) -> &'static str {
        "determination"
    }

    fn summary(&self) -> &'static str {
        "the share of the variance that is explained (R²); 0 is as good as the mean"
    }

    fn judges(&self) -> Judged {
        Judged::Numbers
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::higher("r2")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Numbers(outcomes) = outcomes else {
            return Vec::new();
        };
        let count = outcomes.len() as f64;
        let mean = outcomes.truth().iter().sum::<f64>() / count;
        let spread: f64 = outcomes.truth().iter().map(|b| (b - mean).powi(2)).sum();
        if spread <= 0.0 {
            return Vec::new();
        }
        let errors: f64 = outcomes.pairs().map(|(a, b)| (a - b).powi(2)).sum();
        vec![("r2", 1.0 - errors / spread)]
    }
}
