//! Optimizers' steps as one pass over a parameter's memory, and the norm of gradients.

use rayon::prelude::*;

use crate::error::check_length;
use crate::recycling::recycled;
use crate::simd::multiversioned;
use crate::{KernelError, sums};

/// Values that a thread takes at once; sums are taken over as many, and added in their order.
const PART: usize = 1 << 14;

/// The factors of a step of AdamW (Loshchilov and Hutter 2017, <https://arxiv.org/abs/1711.05101>).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWStep {
    /// What each gradient is multiplied by first.
    pub gradient_factor: f32,
    /// The share of the mean gradient that is kept.
    pub beta_1: f32,
    /// The share of the mean squared gradient that is kept.
    pub beta_2: f32,
    /// What each value is multiplied by: 1 less the decay.
    pub kept: f32,
    /// The rate, over the correction of the mean.
    pub rate: f32,
    /// The root of the correction of the square, as a factor.
    pub correction: f32,
    /// Added to the root of the mean square.
    pub epsilon: f32,
}

/// New values of a parameter; `mean` and `square` are the moments, which change.
///
/// # Errors
/// When the slices have different lengths.
pub fn adamw(
    step: &AdamWStep,
    values: &[f32],
    gradient: &[f32],
    mean: &mut [f32],
    square: &mut [f32],
) -> Result<Vec<f32>, KernelError> {
    check_length("the gradient", gradient, values.len())?;
    check_length("the mean", mean, values.len())?;
    check_length("the square", square, values.len())?;
    let mut output = recycled(values.len());
    output
        .par_chunks_mut(PART)
        .zip(values.par_chunks(PART).zip(gradient.par_chunks(PART)))
        .zip(mean.par_chunks_mut(PART).zip(square.par_chunks_mut(PART)))
        .for_each(|((output, (values, gradient)), (mean, square))| {
            adamw_part(step, values, gradient, mean, square, output);
        });
    Ok(output)
}

multiversioned! {
    fn adamw_part(
        step: &AdamWStep,
        values: &[f32],
        gradient: &[f32],
        mean: &mut [f32],
        square: &mut [f32],
        output: &mut [f32],
    ) {
        let AdamWStep { gradient_factor, beta_1, beta_2, kept, rate, correction, epsilon } = *step;
        let sources = output.iter_mut().zip(values.iter().zip(gradient));
        for ((output, (value, gradient)), (mean, square)) in sources.zip(mean.iter_mut().zip(square)) {
            let slope = gradient * gradient_factor;
            *mean = beta_1 * *mean + (1.0 - beta_1) * slope;
            *square = beta_2 * *square + (1.0 - beta_2) * slope * slope;
            *output = value * kept - rate * *mean / (square.sqrt() * correction + epsilon);
        }
    }
}

/// The factors of a step of stochastic gradient descent with momentum (Sutskever et al. 2013).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdStep {
    /// What each gradient is multiplied by first.
    pub gradient_factor: f32,
    /// The share of the velocity that is kept.
    pub momentum: f32,
    /// Whether the gradient looks ahead.
    pub nesterov: bool,
    /// The part of each value that is added to its gradient.
    pub weight_decay: f32,
    /// The rate.
    pub rate: f32,
}

/// New values of a parameter; `velocity` changes. Without momentum there is none.
///
/// # Errors
/// When the slices have different lengths.
pub fn sgd(
    step: &SgdStep,
    values: &[f32],
    gradient: &[f32],
    velocity: Option<&mut [f32]>,
) -> Result<Vec<f32>, KernelError> {
    check_length("the gradient", gradient, values.len())?;
    let mut output = recycled(values.len());
    let sources = values.par_chunks(PART).zip(gradient.par_chunks(PART));
    let parts = output.par_chunks_mut(PART).zip(sources);
    match velocity {
        None => parts.for_each(|(output, (values, gradient))| {
            descend(step, values, gradient, output);
        }),
        Some(velocity) => {
            check_length("the velocity", velocity, values.len())?;
            parts.zip(velocity.par_chunks_mut(PART)).for_each(
                |((output, (values, gradient)), velocity)| {
                    roll(step, values, gradient, velocity, output);
                },
            );
        }
    }
    Ok(output)
}

multiversioned! {
    fn descend(step: &SgdStep, values: &[f32], gradient: &[f32], output: &mut [f32]) {
        for (output, (value, gradient)) in output.iter_mut().zip(values.iter().zip(gradient)) {
            let slope = gradient * step.gradient_factor + step.weight_decay * value;
            *output = value - step.rate * slope;
        }
    }
}

multiversioned! {
    fn roll(
        step: &SgdStep,
        values: &[f32],
        gradient: &[f32],
        velocity: &mut [f32],
        output: &mut [f32],
    ) {
        let sources = output.iter_mut().zip(values.iter().zip(gradient));
        for ((output, (value, gradient)), velocity) in sources.zip(velocity) {
            let slope = gradient * step.gradient_factor + step.weight_decay * value;
            *velocity = step.momentum * *velocity + slope;
            let change = if step.nesterov {
                slope + step.momentum * *velocity
            } else {
                *velocity
            };
            *output = value - step.rate * change;
        }
    }
}

/// `Σ x²`, for the norm of a gradient: in parts that are added in their order.
pub fn sum_of_squares(values: &[f32]) -> f64 {
    let parts: Vec<f64> = values.par_chunks(PART).map(sums::squares).collect();
    parts.iter().sum()
}
