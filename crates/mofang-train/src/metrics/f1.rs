//! F1, averaged over classes.

use super::{Metric, MetricValue, Outcomes};

/// The harmonic mean of precision and recall of each class.
#[derive(Debug)]
pub(super) struct F1;

impl Metric for F1 {
    fn name(&self) -> &'static str {
        "f1"
    }

    fn summary(&self) -> &'static str {
        "the harmonic mean of precision and recall of each class"
    }

    fn values(&self) -> &'static [MetricValue] {
        const {
            &[
                MetricValue::higher("f1_macro"),
                MetricValue::higher("f1_micro"),
                MetricValue::higher("f1_weighted"),
            ]
        }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Classes(outcomes) = outcomes else {
            return Vec::new();
        };
        let confusion = outcomes.confusion();
        let averages = confusion.averages(|class| confusion.f1(class));
        vec![
            ("f1_macro", averages.macro_average),
            ("f1_micro", averages.micro_average),
            ("f1_weighted", averages.weighted_average),
        ]
    }
}
