//! Cross-entropy of the token behind each token, by the kernel that shares the work between threads: a vocabulary
//! has thousands of tokens where a classifier has a few classes.

use mofang_data::Target;
use mofang_kernels::cross_entropy::CrossEntropy;
use rayon::prelude::*;

use super::BatchLoss;
use crate::metrics::first_largest;

/// `torch.nn.functional.cross_entropy` over logits `[tokens, vocabulary]`, row-major, with its mean. A NaN among
/// them, or a target that is no token, makes the loss NaN.
#[expect(
    clippy::cast_possible_truncation,
    reason = "gradients are f32 like the logits"
)]
pub(crate) fn next_token(
    logits: &[f32],
    targets: &[Target],
    vocabulary: usize,
    label_smoothing: f64,
) -> BatchLoss {
    let kernel = CrossEntropy {
        rows: targets.len(),
        classes: vocabulary,
        smoothing: label_smoothing as f32,
        ignored: None,
    };
    let classes: Vec<i64> = targets
        .iter()
        .map(|target| target.class().and_then(|class| i64::try_from(class).ok()))
        .map(|class| class.unwrap_or(-1))
        .collect();
    let factor = (targets.len().max(1) as f64).recip();
    let mut gradient = vec![0.0; logits.len()];
    let computed = kernel.forward(logits, &classes).and_then(|forward| {
        let logarithms = &forward.logarithms;
        kernel.gradient(logits, &classes, logarithms, factor as f32, &mut gradient)?;
        Ok(forward.sum * factor)
    });
    let correct = logits
        .par_chunks_exact(vocabulary.max(1))
        .zip(targets)
        .filter(|(row, target)| Some(first_largest(row)) == target.class())
        .count();
    BatchLoss {
        loss: computed.unwrap_or(f64::NAN),
        correct: Some(correct as u64),
        gradient,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mofang_types::testing::assert_close;

    use super::*;
    use crate::loss::CrossEntropy as OfClasses;

    #[test]
    fn loss_and_gradient_are_those_of_classes() {
        let logits: Vec<f32> = (0..60_u8).map(|i| f32::from(i * 7 % 13) / 3.0).collect();
        let targets: Vec<Target> = [3, 0, 11, 5, 5].map(Target::Class).to_vec();
        for smoothing in [0.0, 0.1] {
            let tokens = next_token(&logits, &targets, 12, smoothing);
            let classes = OfClasses {
                label_smoothing: smoothing,
                class_weights: Arc::new([]),
            }
            .of(&logits, &targets, 12);
            assert!((tokens.loss - classes.loss).abs() < 1e-6);
            assert_eq!(tokens.correct, classes.correct);
            assert_close(&tokens.gradient, &classes.gradient, 1e-6);
        }
    }

    #[test]
    fn what_is_no_token_shows_in_the_loss() {
        let loss = |logits: &[f32], target| next_token(logits, &[target], 2, 0.0).loss;
        assert!(loss(&[0.0, 1.0], Target::Class(2)).is_nan());
        assert!(loss(&[0.0, 1.0], Target::Number(1.0)).is_nan());
        assert!(!loss(&[0.0, f32::NAN], Target::Class(0)).is_finite());
    }
}
