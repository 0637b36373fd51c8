//! Rectifiers of each value for itself, and of the sum of two (the end of a residual block).

use rayon::prelude::*;

use crate::KernelError;
use crate::activation::{Activation, clamp};
use crate::error::check_length;
use crate::simd::multiversioned;

/// Values that a thread takes at once.
const PART: usize = 1 << 14;

/// `output = activation(input)`
///
/// # Errors
/// When the slices have different lengths.
pub fn activate(
    activation: Activation,
    input: &[f32],
    output: &mut [f32],
) -> Result<(), KernelError> {
    check_length("the output", output, input.len())?;
    output
        .par_chunks_mut(PART)
        .zip(input.par_chunks(PART))
        .for_each(|(output, input)| activate_part(input, activation.bounds(), output));
    Ok(())
}

/// `output = activation(left + right)`
///
/// # Errors
/// When the slices have different lengths.
pub fn add(
    activation: Activation,
    left: &[f32],
    right: &[f32],
    output: &mut [f32],
) -> Result<(), KernelError> {
    check_length("the right summand", right, left.len())?;
    check_length("the output", output, left.len())?;
    output
        .par_chunks_mut(PART)
        .zip(left.par_chunks(PART).zip(right.par_chunks(PART)))
        .for_each(|(output, (left, right))| add_part(left, right, activation.bounds(), output));
    Ok(())
}

/// The gradient of [`activate`] by its input, or of [`add`] by either summand, from the output: the slope
/// where the value has passed, and where it is NaN.
///
/// # Errors
/// When the slices have different lengths.
pub fn gradient(
    activation: Activation,
    output: &[f32],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<(), KernelError> {
    check_length("the output's gradient", output_gradient, output.len())?;
    check_length("the input's gradient", input_gradient, output.len())?;
    let sources = output
        .par_chunks(PART)
        .zip(output_gradient.par_chunks(PART));
    input_gradient
        .par_chunks_mut(PART)
        .zip(sources)
        .for_each(|(target, (output, slopes))| {
            gradient_part(output, slopes, activation.stops(), target);
        });
    Ok(())
}

multiversioned! {
    fn activate_part(input: &[f32], bounds: [f32; 2], output: &mut [f32]) {
        for (output, input) in output.iter_mut().zip(input) {
            *output = clamp(*input, bounds);
        }
    }
}

multiversioned! {
    fn add_part(left: &[f32], right: &[f32], bounds: [f32; 2], output: &mut [f32]) {
        for (output, (left, right)) in output.iter_mut().zip(left.iter().zip(right)) {
            *output = clamp(left + right, bounds);
        }
    }
}

multiversioned! {
    fn gradient_part(output: &[f32], slopes: &[f32], stops: [f32; 2], target: &mut [f32]) {
        let [low, high] = stops;
        for (target, (output, slope)) in target.iter_mut().zip(output.iter().zip(slopes)) {
            let slope = if *output <= low { 0.0 } else { *slope };
            *target = if *output >= high { 0.0 } else { slope };
        }
    }
}
