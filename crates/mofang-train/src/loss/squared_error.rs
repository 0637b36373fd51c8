//! Squared error.

use mofang_data::Target;

use super::BatchLoss;

/// `torch.nn.MSELoss` of one output for each example.
///
/// For outputs `[batch, width]`, row-major, of which the first of each row is judged. An example
/// whose target is no number makes the loss NaN.
#[expect(
    clippy::cast_possible_truncation,
    reason = "gradients are f32 like the outputs"
)]
pub(crate) fn squared_error(outputs: &[f32], targets: &[Target], width: usize) -> BatchLoss {
    let batch = targets.len().max(1) as f64;
    let mut gradient = vec![0.0; outputs.len()];
    let mut loss = 0.0;
    let width = width.max(1);
    let rows = outputs
        .chunks_exact(width)
        .zip(gradient.chunks_exact_mut(width));
    for ((row, slope), target) in rows.zip(targets) {
        let (Some(output), Some(slope)) = (row.first(), slope.first_mut()) else {
            continue;
        };
        let error = f64::from(*output) - target.number().unwrap_or(f64::NAN);
        loss += error * error;
        *slope = (2.0 * error / batch) as f32;
    }
    BatchLoss {
        loss: loss / batch,
        correct: None,
        gradient,
    }
}
#[cfg(test)]
mod tests {
    use mofang_types::testing::assert_close;

    use super::*;

    #[test]
    fn loss_and_gradient_are_those_of_the_mean_square() {
        let targets = [Target::Number(1.0), Target::Number(-2.0)];
        let result = squared_error(&[3.0, -1.0], &targets, 1);
        assert!((result.loss - 2.5).abs() < 1e-12);
        assert_close(&result.gradient, &[2.0, 1.0], 1e-6);
        assert!(squared_error(&[3.0], &[Target::Class(0)], 1).loss.is_nan());
    }
}
