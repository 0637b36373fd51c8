//! Recall, averaged over classes.

use super::{Metric, MetricValue, Outcomes};

/// Of what is of a class, the share that was taken for it.
#[derive(Debug)]
pub(super) struct Recall;

impl Metric for Recall {
    fn name(&self) -> &'static str {
        "recall"
    }

    fn summary(&self) -> &'static str {
        "of what is of a class, the share that was taken for it"
    }

    fn values(&self) -> &'static [MetricValue] {
        const {
            &[
                MetricValue::higher("recall_macro"),
                MetricValue::higher("recall_micro"),
                MetricValue::higher("recall_weighted"),
            ]
        }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Classes(outcomes) = outcomes else {
            return Vec::new();
        };
        let confusion = outcomes.confusion();
        let averages = confusion.averages(|class| confusion.recall(class));
        vec![
            ("recall_macro", averages.macro_average),
            ("recall_micro", averages.micro_average),
            ("recall_weighted", averages.weighted_average),
        ]
    }
}
