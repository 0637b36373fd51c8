//! What boosting makes small, with its first and second derivative.

/// Least probability whose logarithm is taken.
const PROBABILITY_MIN: f64 = 1e-15;

/// What is to be learned of each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// The index of its class, and how many classes there are.
    Classes {
        /// The class of each row.
        labels: Vec<usize>,
        /// How many there are.
        count: usize,
    },
    /// A number.
    Numbers(Vec<f64>),
}

impl Targets {
    /// How many rows they are of.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// How many trees are added in a step: one, or one for each of more than two classes.
    pub(crate) fn trees_per_step(&self) -> usize {
        match self {
            Self::Classes { count, .. } if *count > 2 => *count,
            Self::Classes { .. } | Self::Numbers(_) => 1,
        }
    }

    /// The best constant answers.
    pub(crate) fn constant(&self, weights: &[f64]) -> Vec<f64> {
        let total: f64 = weights.iter().sum();
        match self {
            Self::Numbers(numbers) => {
                let sum: f64 = numbers
                    .iter()
                    .zip(weights)
                    .map(|(number, weight)| number * weight)
                    .sum();
                vec![sum / total]
            }
            Self::Classes { labels, count } => {
                let mut shares = vec![0.0; *count];
                for (label, weight) in labels.iter().zip(weights) {
                    shares[*label] += weight / total;
                }
                let logarithm = |share: &f64| share.max(PROBABILITY_MIN).ln();
                if *count == 2 {
                    vec![logarithm(&shares[1]) - logarithm(&shares[0])]
                } else {
                    shares.iter().map(logarithm).collect()
                }
            }
        }
    }

    /// First and second derivative of the loss of each row by the scores of each tree of the step;
    /// `scores` are `[rows, trees]`.
    pub(crate) fn slopes(&self, scores: &[f64], weights: &[f64]) -> Vec<Vec<(f64, f64)>> {
        let trees = self.trees_per_step();
        let mut slopes = vec![Vec::with_capacity(weights.len()); trees];
        match self {
            Self::Numbers(numbers) => {
                for ((score, number), weight) in scores.iter().zip(numbers).zip(weights) {
                    slopes[0].push(((score - number) * weight, *weight));
                }
            }
            Self::Classes { labels, .. } if trees == 1 => {
                for ((score, label), weight) in scores.iter().zip(labels).zip(weights) {
                    let share = sigmoid(*score);
                    let truth = f64::from(u8::from(*label == 1));
                    slopes[0].push(((share - truth) * weight, share * (1.0 - share) * weight));
                }
            }
            Self::Classes { labels, .. } => {
                for ((scores, label), weight) in scores.chunks_exact(trees).zip(labels).zip(weights)
                {
                    for (class, share) in softmax(scores).enumerate() {
                        let truth = f64::from(u8::from(*label == class));
                        slopes[class]
                            .push(((share - truth) * weight, share * (1.0 - share) * weight));
                    }
                }
            }
        }
        slopes
    }

    /// The mean loss of a row: the log loss of classes, the squared error of numbers.
    pub(crate) fn loss(&self, scores: &[f64], weights: &[f64]) -> f64 {
        let trees = self.trees_per_step();
        let losses: f64 = match self {
            Self::Numbers(numbers) => scores
                .iter()
                .zip(numbers)
                .zip(weights)
                .map(|((score, number), weight)| (score - number).powi(2) * weight)
                .sum(),
            Self::Classes { labels, .. } => scores
                .chunks_exact(trees)
                .zip(labels)
                .zip(weights)
                .map(|((scores, label), weight)| {
                    let share = match scores {
                        [score] if *label == 1 => sigmoid(*score),
                        [score] => sigmoid(-score),
                        scores => softmax(scores).nth(*label).unwrap_or(0.0),
                    };
                    -share.max(PROBABILITY_MIN).ln() * weight
                })
                .sum(),
        };
        losses / weights.iter().sum::<f64>()
    }
}

fn sigmoid(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

fn softmax(scores: &[f64]) -> impl Iterator<Item = f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
    scores
        .iter()
        .map(move |score| (score - largest).exp() / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_loss() {
        let weights = [0.5, 2.0];
        for (targets, scores) in [
            (Targets::Numbers(vec![1.0, -2.0]), vec![0.5, 0.25]),
            (
                Targets::Classes {
                    labels: vec![0, 1],
                    count: 2,
                },
                vec![0.5, -0.25],
            ),
            (
                Targets::Classes {
                    labels: vec![2, 0],
                    count: 3,
                },
                vec![0.5, -0.25, 1.0, 0.0, 2.0, -1.0],
            ),
        ] {
            let trees = targets.trees_per_step();
            let slopes = targets.slopes(&scores, &weights);
            for index in 0..scores.len() {
                let moved = |by: f64| {
                    let mut scores = scores.clone();
                    scores[index] += by;
                    targets.loss(&scores, &weights) * 2.5
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                // The squared error's slope is taken by half.
                let half = if matches!(targets, Targets::Numbers(_)) {
                    2.0
                } else {
                    1.0
                };
                let own = slopes[index % trees][index / trees].0 * half;
                assert!((slope - own).abs() < 1e-6, "{slope} {own}");
            }
            // The best constant has no slope.
            let constant = targets.constant(&weights).repeat(2);
            for tree in targets.slopes(&constant, &weights) {
                assert!(tree.iter().map(|(gradient, _)| gradient).sum::<f64>().abs() < 1e-9);
            }
        }
    }
}
