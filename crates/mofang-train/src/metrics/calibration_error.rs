//! Expected calibration error: Guo et al. 2017, <https://arxiv.org/abs/1706.04599>, equation 3.

use super::{Metric, MetricValue, Outcomes};

/// How many bins of equal width confidence is sorted into, as in the paper's figures.
const BINS: usize = 15;

/// The mean distance between confidence and accuracy, over bins of confidence.
#[derive(Debug)]
pub(super) struct CalibrationError;

impl Metric for CalibrationError {
    fn name(&self) -> &'static str {
        "calibration_error"
    }

    fn summary(&self) -> &'static str {
        "the distance between how sure the model is and how often it is right, over 15 bins"
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::lower("expected_calibration_error")] }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a confidence is in [0, 1]"
    )]
    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Classes(outcomes) = outcomes else {
            return Vec::new();
        };
        let mut bins = [(0.0, 0.0); BINS];
        let decided = outcomes.rows().zip(outcomes.predicted());
        let counted = outcomes.labels().iter().zip(outcomes.counts());
        for ((row, predicted), (label, count)) in decided.zip(counted) {
            let count = f64::from(*count);
            let confidence = row.get(*predicted).copied().unwrap_or(0.0);
            // Bin k holds (k / 15, (k + 1) / 15].
            let bin = ((confidence * BINS as f64).ceil() as usize).saturating_sub(1);
            if let Some((sure, right)) = bins.get_mut(bin.min(BINS - 1)) {
                *sure += count * confidence;
                *right += count * f64::from(u8::from(predicted == label));
            }
        }
        let distance: f64 = bins
            .iter()
            .map(|(sure, right): &(f64, f64)| (sure - right).abs())
            .sum();
        vec![(
            "expected_calibration_error",
            distance / outcomes.len() as f64,
        )]
    }
}
