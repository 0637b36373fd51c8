//! The area under the receiver operating characteristic.

use super::{ClassOutcomes, Metric, MetricValue, Outcomes};

/// The probability that an example of a class gets a higher probability of it than one of another
/// class, ties counting half. For two classes that of the second; for more, the mean over classes
/// of each against the rest, over those that have examples on both sides.
#[derive(Debug)]
pub(super) struct RocAuc;

impl Metric for RocAuc {
    fn name(&self) -> &'static str {
        "roc_auc"
    }

    fn summary(&self) -> &'static str {
        "the area under the ROC curve: of the second of two classes, of more one against the rest, macro"
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::higher("roc_auc")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Classes(outcomes) = outcomes else {
            return Vec::new();
        };
        let areas: Vec<f64> = if outcomes.classes() == 2 {
            area_of(outcomes, 1).into_iter().collect()
        } else {
            (0..outcomes.classes())
                .filter_map(|class| area_of(outcomes, class))
                .collect()
        };
        if areas.is_empty() {
            return Vec::new();
        }
        vec![("roc_auc", areas.iter().sum::<f64>() / areas.len() as f64)]
    }
}

/// By the rank sum of Mann and Whitney, with the mean rank for ties.
pub(crate) fn area_of(outcomes: &ClassOutcomes, class: usize) -> Option<f64> {
    let positives = outcomes.confusion().support(class) as f64;
    let negatives = outcomes.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let ranking = outcomes.ranking(class);
    let (mut rank_sum, mut before) = (0.0, 0);
    for ties in ranking.chunk_by(|_, next| next.is_tied) {
        let [all, hits] = outcomes.count_of(ties);
        let mean_rank = before as f64 + f64::midpoint(all as f64, 1.0);
        rank_sum += mean_rank * hits as f64;
        before += all;
    }
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_examples_on_both_sides_is_left_out() {
        let logits = [1.0, 0.0, 0.0, 1.0];
        let one_sided = Outcomes::Classes(ClassOutcomes::from_logits(&logits, &[1, 1], 2).unwrap());
        assert_eq!(RocAuc.compute(&one_sided), []);
        let perfect = Outcomes::Classes(ClassOutcomes::from_logits(&logits, &[0, 1], 2).unwrap());
        assert_eq!(RocAuc.compute(&perfect), [("roc_auc", 1.0)]);
    }
}
