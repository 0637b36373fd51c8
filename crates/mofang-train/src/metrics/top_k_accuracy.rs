//! Top-k accuracy.

use super::{Metric, MetricValue, Outcomes};

/// The share of examples whose true class is among the k most probable ones. Left out where there
/// are not more than k classes, when it would always be 1.
#[derive(Debug)]
pub(super) struct TopKAccuracy;

const SIZES: [(usize, &str); 2] = [(3, "top_3_accuracy"), (5, "top_5_accuracy")];

impl Metric for TopKAccuracy {
    fn name(&self) -> &'static str {
        "top_k_accuracy"
    }

    fn summary(&self) -> &'static str {
        "the share of examples whose true class is among the k most probable"
    }

    fn values(&self) -> &'static [MetricValue] {
        const {
            &[
                MetricValue::higher("top_3_accuracy"),
                MetricValue::higher("top_5_accuracy"),
            ]
        }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Classes(outcomes) = outcomes else {
            return Vec::new();
        };
        let ranks: Vec<usize> = outcomes
            .rows()
            .zip(outcomes.labels())
            .map(|(row, label)| rank(row, *label))
            .collect();
        SIZES
            .into_iter()
            .filter(|(size, _)| *size < outcomes.classes())
            .map(|(size, name)| {
                let within = ranks.iter().filter(|rank| **rank < size).count();
                (name, within as f64 / outcomes.len() as f64)
            })
            .collect()
    }
}

/// How many classes come before `label`: the more probable ones, and of equals the later ones, as
/// in scikit-learn's sorting.
fn rank(row: &[f64], label: usize) -> usize {
    let Some(own) = row.get(label) else {
        return row.len();
    };
    row.iter()
        .enumerate()
        .filter(|(class, p)| *p > own || (p.total_cmp(own).is_eq() && *class > label))
        .count()
}
