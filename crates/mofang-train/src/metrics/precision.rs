//! Precision, averaged over classes.

use super::{Metric, MetricValue, Outcomes};

/// Of what was taken for a class, the share that is of it.
#[derive(Debug)]
pub(super) struct Precision;

impl Metric for Precision {
    fn name(&self) -> &'static str {
        "precision"
    }

    fn summary(&self) -> &'static str {
        "of what was taken for a class, the share that is of it"
    }

    fn values(&self) -> &'static [MetricValue] {
        const {
            &[
                MetricValue::higher("precision_macro"),
                MetricValue::higher("precision_micro"),
                MetricValue::higher("precision_weighted"),
            ]
        }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Classes(outcomes) = outcomes else {
            return Vec::new();
        };
        let confusion = outcomes.confusion();
        let averages = confusion.averages(|class| confusion.precision(class));
        vec![
            ("precision_macro", averages.macro_average),
            ("precision_micro", averages.micro_average),
            ("precision_weighted", averages.weighted_average),
        ]
    }
}
