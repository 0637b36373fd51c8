//! Average precision: the area under the curve of precision over recall.

use super::{ClassOutcomes, Metric, MetricValue, Outcomes};

/// The mean of the precisions at each probability of a class that an example has, weighted by how much
/// recall grows there. For two classes that of the second; for more, the mean over classes of each
/// against the rest, over those that have an example.
#[derive(Debug)]
pub(super) struct AveragePrecision;

impl Metric for AveragePrecision {
    fn name(&self) -> &'static str {
        "average_precision"
    }

    fn summary(&self) -> &'static str {
        "the area under the precision-recall curve (PR-AUC): of the second of two classes, of more one against the rest, macro"
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::higher("pr_auc")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Classes(outcomes) = outcomes else {
            return Vec::new();
        };
        let first = usize::from(outcomes.classes() == 2);
        let areas: Vec<f64> = (first..outcomes.classes())
            .filter_map(|class| area_of(outcomes, class))
            .collect();
        if areas.is_empty() {
            return Vec::new();
        }
        vec![("pr_auc", areas.iter().sum::<f64>() / areas.len() as f64)]
    }
}

fn area_of(outcomes: &ClassOutcomes, class: usize) -> Option<f64> {
    let positives = outcomes.confusion().support(class);
    if positives == 0 {
        return None;
    }
    let ranking = outcomes.ranking(class);
    let (mut area, mut hits, mut taken) = (0.0, 0, 0);
    // The most probable first.
    for ties in ranking.chunk_by(|_, next| next.is_tied).rev() {
        let [all, own] = outcomes.count_of(ties);
        hits += own;
        taken += all;
        // Of examples that do not count the share of hits would be nothing over nothing.
        if own > 0 {
            area += own as f64 / positives as f64 * (hits as f64 / taken as f64);
        }
    }
    Some(area)
}
