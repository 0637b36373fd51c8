//! Cross-entropy of softmax with label smoothing: Szegedy et al. 2015, <https://arxiv.org/abs/1512.00567>, section 7.

use std::sync::Arc;

use mofang_data::Target;

use super::BatchLoss;
use crate::metrics::first_largest;

/// `torch.nn.CrossEntropyLoss` with its `label_smoothing`.
#[derive(Debug, Clone)]
pub(crate) struct CrossEntropy {
    /// The share of the target that is spread evenly over all classes.
    pub(crate) label_smoothing: f64,
    /// How much an example of each class counts; all the same where there are none.
    pub(crate) class_weights: Arc<[f64]>,
}

impl CrossEntropy {
    /// For logits `[batch, classes]`, row-major. A NaN among them, or a target that is none of the
    /// classes, makes the loss NaN.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "gradients are f32 like the logits"
    )]
    pub(crate) fn of(&self, logits: &[f32], targets: &[Target], classes: usize) -> BatchLoss {
        let weight = |class: usize| self.class_weights.get(class).copied().unwrap_or(1.0);
        // PyTorch's mean is over the weights of the true classes.
        let batch = targets
            .iter()
            .map(|target| target.class().map_or(1.0, weight))
            .sum::<f64>()
            .max(f64::MIN_POSITIVE);
        let spread = self.label_smoothing / classes.max(1) as f64;
        let mut gradient = Vec::with_capacity(logits.len());
        let mut exponentials = vec![0.0_f64; classes];
        let (mut loss, mut correct) = (0.0, 0);
        for (row, target) in logits.chunks_exact(classes.max(1)).zip(targets) {
            let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let (mut sum, mut smoothed, mut smoothed_weight) = (0.0, 0.0, 0.0);
            for (class, (exponential, logit)) in exponentials.iter_mut().zip(row).enumerate() {
                let shifted = f64::from(*logit) - largest;
                *exponential = shifted.exp();
                sum += *exponential;
                smoothed += weight(class) * shifted;
                smoothed_weight += weight(class);
            }
            let own = target
                .class()
                .and_then(|class| row.get(class))
                .map_or(f64::NAN, |logit| f64::from(*logit) - largest);
            let kept = (1.0 - self.label_smoothing) * target.class().map_or(1.0, weight);
            // -Σ target · ln p with ln p = shifted - ln sum and a target that sums to `whole`.
            let whole = kept + spread * smoothed_weight;
            loss += whole * sum.ln() - kept * own - spread * smoothed;
            correct += u64::from(Some(first_largest(row)) == target.class());
            gradient.extend(exponentials.iter().enumerate().map(|(class, exponential)| {
                let kept = if Some(class) == target.class() {
                    kept
                } else {
                    0.0
                };
                let wanted = kept + spread * weight(class);
                ((exponential / sum * whole - wanted) / batch) as f32
            }));
        }
        BatchLoss {
            loss: loss / batch,
            correct: Some(correct),
            gradient,
        }
    }
}

#[cfg(test)]
mod tests {
    use mofang_types::testing::assert_close;

    use super::*;

    const LOGITS: [f32; 6] = [0.5, -1.25, 2.0, 1.5, 0.25, -0.75];

    #[test]
    fn loss_and_gradient_are_those_of_pytorch() {
        // torch 2.15, double: F.cross_entropy(logits, [2, 1], label_smoothing=s) and its backward.
        for (smoothing, loss, gradient) in REFERENCE {
            let result = CrossEntropy {
                label_smoothing: smoothing,
                class_weights: Arc::new([]),
            }
            .of(&LOGITS, &[2, 1].map(Target::Class), 3);
            assert!(
                (result.loss - loss).abs() < 1e-7,
                "{smoothing}: {}",
                result.loss
            );
            assert_close(&result.gradient, &gradient, 1e-6);
            assert_eq!(result.correct, Some(1));
        }
    }

    #[test]
    fn weights_of_classes_are_those_of_pytorch() {
        // torch 2.15, double: F.cross_entropy(logits, [2, 1], weight=[0.5, 1, 2.5], label_smoothing=0.1)
        let result = CrossEntropy {
            label_smoothing: 0.1,
            class_weights: Arc::new([0.5, 1.0, 2.5]),
        }
        .of(&LOGITS, &[2, 1].map(Target::Class), 3);
        assert!(
            (result.loss - 0.681_031_644_603_993_1).abs() < 1e-7,
            "{}",
            result.loss
        );
        let gradient = [
            0.115_644_22,
            0.011_399_637,
            -0.127_043_86,
            0.207_349_05,
            -0.205_895_86,
            -0.001_453_193_3,
        ];
        assert_close(&result.gradient, &gradient, 1e-6);
    }

    /// Smoothing, loss and gradient.
    const REFERENCE: [(f64, f64, [f32; 6]); 2] = [
        (
            0.0,
            0.906_647_296_254_628_4,
            [
                0.088_410_09,
                0.015_363_37,
                -0.103_773_46,
                0.359_220_17,
                -0.397_081_7,
                0.037_861_53,
            ],
        ),
        (
            0.1,
            0.981_647_296_254_628_4,
            [
                0.071_743_42,
                -0.001_303_3,
                -0.070_440_13,
                0.342_553_5,
                -0.363_748_37,
                0.021_194_86,
            ],
        ),
    ];

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let loss = CrossEntropy {
            label_smoothing: 0.2,
            class_weights: Arc::new([0.5, 1.0, 2.5]),
        };
        let whole = loss.of(&LOGITS, &[0, 2].map(Target::Class), 3);
        for index in 0..LOGITS.len() {
            let moved = |by: f32| {
                let mut logits = LOGITS;
                logits[index] += by;
                loss.of(&logits, &[0, 2].map(Target::Class), 3).loss
            };
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((slope - f64::from(whole.gradient[index])).abs() < 1e-4);
        }
    }

    #[test]
    fn a_nan_or_an_infinity_shows_in_the_loss() {
        let loss = CrossEntropy {
            label_smoothing: 0.0,
            class_weights: Arc::new([]),
        };
        for wrong in [f32::NAN, f32::INFINITY] {
            let targets = [Target::Class(0)];
            assert!(!loss.of(&[0.0, wrong], &targets, 2).loss.is_finite());
        }
        assert!(loss.of(&[0.0, 1.0], &[Target::Class(2)], 2).loss.is_nan());
    }
}
