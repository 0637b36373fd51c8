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
        let mean = outcomes.sum_of(|_, truth| truth) / outcomes.len() as f64;
        let spread = outcomes.sum_of(|_, truth| (truth - mean).powi(2));
        // The mean of equal numbers may differ from them by a rounding.
        let counted = outcomes.truth().iter().zip(outcomes.counts());
        let mut numbers = counted.filter(|(_, count)| **count > 0).map(|(b, _)| b);
        let first = numbers.next();
        let is_constant = first.is_none_or(|a| numbers.all(|b| a.total_cmp(b).is_eq()));
        if is_constant || spread <= 0.0 {
            return Vec::new();
        }
        let errors = outcomes.sum_of(|predicted, truth| (predicted - truth).powi(2));
        vec![("r2", 1.0 - errors / spread)]
    }
}
