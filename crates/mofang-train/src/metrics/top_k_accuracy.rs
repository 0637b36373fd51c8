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
        let sizes: Vec<(usize, &'static str)> = SIZES
            .into_iter()
            .filter(|(size, _)| *size < outcomes.classes())
            .collect();
        if sizes.is_empty() {
            return Vec::new();
        }
        let ranks: Vec<(usize, u64)> = outcomes
            .rows()
            .zip(outcomes.labels())
            .zip(outcomes.counts())
            .filter(|(_, count)| **count > 0)
            .map(|((row, label), count)| (rank(row, *label), u64::from(*count)))
            .collect();
        sizes
            .into_iter()
            .map(|(size, name)| {
                let within = ranks.iter().filter(|(rank, _)| *rank < size);
                let within: u64 = within.map(|(_, count)| count).sum();
                (name, within as f64 / outcomes.len() as f64)
            })
            .collect()
    }
}

/// How many classes come before `label`: the more probable ones, and of equals the later ones, as
/// in scikit-learn's sorting.
fn rank(row: &[f64], label: usize) -> usize {
    let Some((before, [own, behind @ ..])) = row.split_at_checked(label) else {
        return row.len();
    };
    let before = before.iter().filter(|p| *p > own).count();
    before + behind.iter().filter(|p| *p >= own).count()
}
