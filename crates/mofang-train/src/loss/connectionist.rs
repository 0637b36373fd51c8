//! Connectionist temporal classification: Graves et al. 2006, <https://doi.org/10.1145/1143844.1143891>.

use mofang_data::Target;
use mofang_kernels::ctc::Ctc;
use rayon::prelude::*;

use super::BatchLoss;

/// `torch.nn.CTCLoss` with its mean and `zero_infinity`, of outputs `[batch, steps · classes]` whose last class is the
/// blank.
///
/// A recording with fewer steps than its labels need counts nothing. Outputs that are not finite, or a target that is
/// no labels, make the loss NaN.
#[expect(
    clippy::cast_possible_truncation,
    reason = "gradients are f32 like the outputs"
)]
pub(crate) fn connectionist(
    outputs: &[f32],
    targets: &[Target],
    width: usize,
    classes: usize,
) -> BatchLoss {
    let nothing = || BatchLoss {
        loss: f64::NAN,
        correct: None,
        gradient: vec![0.0; outputs.len()],
    };
    let labels: Option<Vec<&[usize]>> = targets.iter().map(Target::labels).collect();
    let (Some(labels), true) = (labels, outputs.iter().all(|output| output.is_finite())) else {
        return nothing();
    };
    let (batch, time) = (labels.len(), width / classes.max(1));
    let lengths: Vec<usize> = labels.iter().map(|labels| labels.len()).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let flat: Vec<i64> = labels
        .iter()
        .flat_map(|labels| {
            let own = labels
                .iter()
                .map(|label| i64::try_from(*label).unwrap_or(-1));
            own.chain(std::iter::repeat(0)).take(longest)
        })
        .collect();
    let kernel = Ctc {
        batch,
        time,
        classes,
        blank: classes.saturating_sub(1),
        input_lengths: &vec![time; batch],
        targets: &flat,
        target_lengths: &lengths,
        zero_infinity: true,
    };
    let mut logarithms = vec![0.0; outputs.len()];
    logarithms
        .par_chunks_mut(classes.max(1))
        .zip(outputs.par_chunks(classes.max(1)))
        .for_each(|(logarithms, outputs)| log_softmax(outputs, logarithms));
    let mut gradient = vec![0.0; outputs.len()];
    let Ok(losses) = kernel.loss(&logarithms, Some(&mut gradient)) else {
        return nothing();
    };
    // PyTorch's mean is over the recordings, of each one's loss for a label.
    let weight = |length: usize| 1.0 / (length.max(1) * batch.max(1)) as f64;
    let rows = gradient.chunks_exact_mut(width.max(1));
    for (row, length) in rows.zip(&lengths) {
        for value in row {
            *value = (f64::from(*value) * weight(*length)) as f32;
        }
    }
    let weighted = losses.iter().zip(&lengths);
    BatchLoss {
        loss: weighted
            .map(|(loss, length)| f64::from(*loss) * weight(*length))
            .sum(),
        correct: None,
        gradient,
    }
}

/// Logarithms of the softmax of one row.
#[expect(
    clippy::cast_possible_truncation,
    reason = "logarithms are f32 like the outputs"
)]
fn log_softmax(outputs: &[f32], logarithms: &mut [f32]) {
    let largest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = outputs
        .iter()
        .map(|output| f64::from(output - largest).exp())
        .sum();
    let whole = largest + sum.ln() as f32;
    for (logarithm, output) in logarithms.iter_mut().zip(outputs) {
        *logarithm = output - whole;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two recordings of four steps with two labels and the blank.
    fn outputs() -> Vec<f32> {
        (0..24_u8).map(|i| f32::from(i * 7 % 11) / 4.0).collect()
    }

    fn targets() -> [Target; 2] {
        [Target::Labels([0, 1].into()), Target::Class(1)]
    }

    #[test]
    fn the_loss_is_that_of_pytorch() {
        // torch 2.15, double: F.ctc_loss(F.log_softmax(x.view(2, 4, 3), 2).transpose(0, 1),
        // [[0, 1], [1, 0]], [4, 4], [2, 1], blank=2) with x = [(7i mod 11) / 4 for i in range(24)]
        let result = connectionist(&outputs(), &targets(), 12, 3);
        assert!((result.loss - EXPECTED).abs() < 1e-6, "{}", result.loss);
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let whole = connectionist(&outputs(), &targets(), 12, 3);
        for index in 0..24 {
            let moved = |by: f32| {
                let mut outputs = outputs();
                outputs[index] += by;
                connectionist(&outputs, &targets(), 12, 3).loss
            };
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((slope - f64::from(whole.gradient[index])).abs() < 1e-4);
        }
    }

    #[test]
    fn what_cannot_be_learned_counts_nothing_or_shows_in_the_loss() {
        let long = [Target::Labels([0, 0, 0].into())];
        let result = connectionist(&outputs()[..12], &long, 12, 3);
        assert!(result.loss.abs() < f64::EPSILON);
        assert!(
            result
                .gradient
                .iter()
                .all(|slope| slope.abs() < f32::EPSILON)
        );
        let loss = |outputs: &[f32], target| connectionist(outputs, &[target], 12, 3).loss;
        assert!(loss(&outputs()[..12], Target::Number(1.0)).is_nan());
        assert!(loss(&outputs()[..12], Target::Class(3)).is_nan());
        assert!(loss(&[f32::NAN; 12], Target::Class(0)).is_nan());
    }

    const EXPECTED: f64 = 1.777_274_498_798_240_5;
}
