//! Matthews correlation coefficient.

use super::{Metric, MetricValue, Outcomes};

/// The correlation of true and predicted classes, from -1 to 1, 0 for a guess: Gorodkin 2004,
/// <https://doi.org/10.1016/j.compbiolchem.2004.09.006>. 0 where only one class occurs or is predicted.
#[derive(Debug)]
pub(super) struct Matthews;

impl Metric for Matthews {
    fn name(&self) -> &'static str {
        "matthews"
    }

    fn summary(&self) -> &'static str {
        "the correlation of true and predicted classes, 0 for a guess"
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::higher("matthews_correlation")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Classes(outcomes) = outcomes else {
            return Vec::new();
        };
        let confusion = outcomes.confusion();
        let total = confusion.total() as f64;
        let (mut both, mut truth, mut predicted) = (0.0, 0.0, 0.0);
        for class in 0..outcomes.classes() {
            let (t, p) = (
                confusion.support(class) as f64,
                confusion.predictions(class) as f64,
            );
            both += t * p;
            truth += t * t;
            predicted += p * p;
        }
        let covariance = confusion.correct() as f64 * total - both;
        let spread = ((total * total - predicted) * (total * total - truth)).sqrt();
        let value = if spread > 0.0 {
            covariance / spread
        } else {
            0.0
        };
        vec![("matthews_correlation", value)]
    }
}
