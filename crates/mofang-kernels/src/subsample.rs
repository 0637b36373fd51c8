//! Every second pixel, with channels of zeros around: the shortcut without parameters ("option A") of He
//! et al. 2015, <https://arxiv.org/abs/1512.03385>.

use rayon::prelude::*;

use crate::KernelError;
use crate::error::check_length;

/// The shape of a subsampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubsampleShape {
    /// Images.
    pub batch: usize,
    /// Channels of the input.
    pub channels: usize,
    /// `[height, width]` of the input.
    pub size: [usize; 2],
    /// Channels of zeros on each side.
    pub padding: usize,
}

impl SubsampleShape {
    /// `[batch, channels, height, width]` of the input.
    pub fn input(&self) -> [usize; 4] {
        let [height, width] = self.size;
        [self.batch, self.channels, height, width]
    }

    /// `[batch, channels, height, width]` of the output.
    pub fn output(&self) -> [usize; 4] {
        let [height, width] = self.size;
        let channels = self.channels.saturating_add(self.padding.saturating_mul(2));
        [self.batch, channels, height.div_ceil(2), width.div_ceil(2)]
    }

    fn check(&self, input: &[f32], output: &[f32]) -> Result<(), KernelError> {
        let length = |shape: [usize; 4]| shape.into_iter().fold(1, usize::saturating_mul);
        check_length("the input", input, length(self.input()))?;
        check_length("the output", output, length(self.output()))
    }

    /// The plane of the input that a plane of the output is made of.
    fn source(&self, plane: usize) -> Option<usize> {
        let [_, channels, ..] = self.output();
        let channel = (plane % channels).checked_sub(self.padding)?;
        (channel < self.channels).then(|| plane / channels * self.channels + channel)
    }
}

/// `output[n, padding + c, y, x] = input[n, c, 2y, 2x]`, and 0 in the other channels.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn forward(
    shape: &SubsampleShape,
    input: &[f32],
    output: &mut [f32],
) -> Result<(), KernelError> {
    shape.check(input, output)?;
    let [.., rows, columns] = shape.output();
    let [height, width] = shape.size;
    if output.is_empty() {
        return Ok(());
    }
    output
        .par_chunks_exact_mut(rows * columns)
        .enumerate()
        .for_each(|(plane, output)| {
            let Some(source) = shape.source(plane) else {
                output.fill(0.0);
                return;
            };
            let source = &input[source * height * width..(source + 1) * height * width];
            let lines = source.chunks_exact(width).step_by(2);
            for (output, line) in output.chunks_exact_mut(columns).zip(lines) {
                for (output, value) in output.iter_mut().zip(line.iter().step_by(2)) {
                    *output = *value;
                }
            }
        });
    Ok(())
}

/// The gradient of [`forward`] by its input.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn gradient(
    shape: &SubsampleShape,
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<(), KernelError> {
    shape.check(input_gradient, output_gradient)?;
    let [_, channels_out, rows, columns] = shape.output();
    let [height, width] = shape.size;
    if input_gradient.is_empty() {
        return Ok(());
    }
    input_gradient
        .par_chunks_exact_mut(height * width)
        .enumerate()
        .for_each(|(plane, target)| {
            target.fill(0.0);
            let (image, channel) = (plane / shape.channels, plane % shape.channels);
            let from = image * channels_out + shape.padding + channel;
            let slopes = &output_gradient[from * rows * columns..(from + 1) * rows * columns];
            let lines = target.chunks_exact_mut(width).step_by(2);
            for (line, slopes) in lines.zip(slopes.chunks_exact(columns)) {
                for (target, slope) in line.iter_mut().step_by(2).zip(slopes) {
                    *target = *slope;
                }
            }
        });
    Ok(())
}
