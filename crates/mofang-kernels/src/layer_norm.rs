//! Normalization of each row: layer normalization (Ba, Kiros and Hinton 2016,
//! <https://arxiv.org/abs/1607.06450>) and that by the root of the mean square (Zhang and Sennrich 2019,
//! <https://arxiv.org/abs/1910.07467>).
//!
//! `y = (x - mean) / √(variance + epsilon) · weight + bias`, the variance divided by the count; and
//! `y = x / √(mean x² + epsilon) · weight`. The gradient goes through the statistics.

use rayon::prelude::*;

use crate::error::check_length;
use crate::scratch::Scratch;
use crate::simd::multiversioned;
use crate::{KernelError, sums};

/// Values that a thread takes at least.
const PART: usize = 1 << 13;

/// Parts of the rows, at most, that are summed for themselves in the gradients of the parameters.
const PARTS_MAX: usize = 32;

/// Rows, each normalized for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowShape {
    /// Rows.
    pub rows: usize,
    /// Values of a row.
    pub features: usize,
}

impl RowShape {
    /// The number of values, at most [`usize::MAX`].
    pub fn length(&self) -> usize {
        self.rows.saturating_mul(self.features)
    }

    /// Rows of a part of the work.
    fn rows_of_part(&self) -> usize {
        let least = PART.div_ceil(self.features.max(1));
        self.rows.div_ceil(PARTS_MAX).max(least)
    }
}

/// The parameters of a layer normalization, `[features]` each; without them the factor is 1 and the summand 0.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    /// The factor.
    pub weight: Option<&'a [f32]>,
    /// The summand.
    pub bias: Option<&'a [f32]>,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Affine<'_> {
    fn check(&self, shape: &RowShape) -> Result<(), KernelError> {
        if let Some(weight) = self.weight {
            check_length("the weight", weight, shape.features)?;
        }
        if let Some(bias) = self.bias {
            check_length("the bias", bias, shape.features)?;
        }
        Ok(())
    }
}

/// What each row was normalized by, `[rows]` each.
#[derive(Debug, Clone, PartialEq)]
pub struct RowStatistics {
    /// The mean; 0 for RMS normalization.
    pub mean: Vec<f32>,
    /// `1 / √(variance + epsilon)`
    pub inverse_deviation: Vec<f32>,
}

/// The gradients by weight and bias, `[features]` each.
#[derive(Debug, Clone, PartialEq)]
pub struct AffineGradient {
    /// By the weight.
    pub weight: Vec<f32>,
    /// By the bias.
    pub bias: Vec<f32>,
}

/// Whether the mean is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Centre {
    Mean,
    Zero,
}

/// `input` and `output` are `[rows, features]`.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn layer_norm(
    shape: &RowShape,
    input: &[f32],
    affine: Affine<'_>,
    output: &mut [f32],
) -> Result<RowStatistics, KernelError> {
    normalize(shape, Centre::Mean, input, affine, output)
}

/// The gradient of [`layer_norm`] by the input, and those by the parameters.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn layer_norm_gradient(
    shape: &RowShape,
    input: &[f32],
    affine: Affine<'_>,
    statistics: &RowStatistics,
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<AffineGradient, KernelError> {
    carry_back(
        shape,
        Centre::Mean,
        input,
        affine,
        statistics,
        output_gradient,
        input_gradient,
    )
}

/// Normalization by the root of the mean square; `weight` is `[features]`.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn rms_norm(
    shape: &RowShape,
    input: &[f32],
    weight: Option<&[f32]>,
    epsilon: f64,
    output: &mut [f32],
) -> Result<RowStatistics, KernelError> {
    let affine = Affine {
        weight,
        bias: None,
        epsilon,
    };
    normalize(shape, Centre::Zero, input, affine, output)
}

/// The gradient of [`rms_norm`] by the input, and that by the weight.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn rms_norm_gradient(
    shape: &RowShape,
    input: &[f32],
    weight: Option<&[f32]>,
    statistics: &RowStatistics,
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<Vec<f32>, KernelError> {
    let affine = Affine {
        weight,
        bias: None,
        epsilon: 0.0,
    };
    let by_affine = carry_back(
        shape,
        Centre::Zero,
        input,
        affine,
        statistics,
        output_gradient,
        input_gradient,
    )?;
    Ok(by_affine.weight)
}

fn normalize(
    shape: &RowShape,
    centre: Centre,
    input: &[f32],
    affine: Affine<'_>,
    output: &mut [f32],
) -> Result<RowStatistics, KernelError> {
    check_length("the input", input, shape.length())?;
    check_length("the output", output, shape.length())?;
    affine.check(shape)?;
    let mut statistics = RowStatistics {
        mean: vec![0.0; shape.rows],
        inverse_deviation: vec![0.0; shape.rows],
    };
    if shape.features == 0 {
        return Ok(statistics);
    }
    let rows = shape.rows_of_part();
    let count = shape.features as f64;
    let targets = statistics
        .mean
        .par_chunks_mut(rows)
        .zip(statistics.inverse_deviation.par_chunks_mut(rows));
    let values = input
        .par_chunks(rows * shape.features)
        .zip(output.par_chunks_mut(rows * shape.features));
    values
        .zip(targets)
        .for_each(|((input, output), (means, deviations))| {
            let rows = input
                .chunks_exact(shape.features)
                .zip(output.chunks_exact_mut(shape.features));
            for ((input, output), (mean, deviation)) in
                rows.zip(means.iter_mut().zip(deviations.iter_mut()))
            {
                if centre == Centre::Mean {
                    *mean = (sums::sum(input) / count) as f32;
                }
                let variance = sums::sum_of_squares(input, *mean) / count;
                *deviation = (1.0 / (variance + affine.epsilon).sqrt()) as f32;
                write_row(input, *mean, *deviation, affine, output);
            }
        });
    Ok(statistics)
}

fn carry_back(
    shape: &RowShape,
    centre: Centre,
    input: &[f32],
    affine: Affine<'_>,
    statistics: &RowStatistics,
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<AffineGradient, KernelError> {
    check_length("the input", input, shape.length())?;
    check_length("the output's gradient", output_gradient, shape.length())?;
    check_length("the input's gradient", input_gradient, shape.length())?;
    check_length("the means", &statistics.mean, shape.rows)?;
    check_length(
        "the inverse deviations",
        &statistics.inverse_deviation,
        shape.rows,
    )?;
    affine.check(shape)?;
    let features = shape.features;
    let mut gradient = AffineGradient {
        weight: vec![0.0; features],
        bias: vec![0.0; features],
    };
    if shape.length() == 0 {
        return Ok(gradient);
    }
    let rows = shape.rows_of_part();
    let parts = shape.rows.div_ceil(rows);
    let mut partial = Scratch::take(parts * 2 * features);
    let values = input
        .par_chunks(rows * features)
        .zip(output_gradient.par_chunks(rows * features))
        .zip(input_gradient.par_chunks_mut(rows * features));
    let statistics = statistics
        .mean
        .par_chunks(rows)
        .zip(statistics.inverse_deviation.par_chunks(rows));
    values
        .zip(statistics)
        .zip(partial.par_chunks_exact_mut(2 * features))
        .for_each(
            |((((input, slopes), targets), (means, deviations)), partial)| {
                partial.fill(0.0);
                let (by_weight, by_bias) = partial.split_at_mut(features);
                let rows = input
                    .chunks_exact(features)
                    .zip(slopes.chunks_exact(features))
                    .zip(targets.chunks_exact_mut(features));
                for (((input, slopes), target), (mean, deviation)) in
                    rows.zip(means.iter().zip(deviations))
                {
                    let line = [*mean, *deviation];
                    add_parameters(input, slopes, line, by_weight, by_bias);
                    let [mut sum, products] = row_sums(input, slopes, affine.weight, line, target);
                    if centre == Centre::Zero {
                        sum = 0.0;
                    }
                    let count = features as f64;
                    let means = [(sum / count) as f32, (products / count) as f32];
                    write_gradient(input, line, means, target);
                }
            },
        );
    for partial in partial.chunks_exact(2 * features) {
        let (by_weight, by_bias) = partial.split_at(features);
        sums::add(by_weight, &mut gradient.weight);
        sums::add(by_bias, &mut gradient.bias);
    }
    Ok(gradient)
}

multiversioned! {
    fn write_row(input: &[f32], mean: f32, deviation: f32, affine: Affine<'_>, output: &mut [f32]) {
        let values = output.iter_mut().zip(input);
        match (affine.weight, affine.bias) {
            (Some(weight), Some(bias)) => {
                for ((output, input), (weight, bias)) in values.zip(weight.iter().zip(bias)) {
                    *output = (input - mean) * deviation * weight + bias;
                }
            }
            (Some(weight), None) => {
                for ((output, input), weight) in values.zip(weight) {
                    *output = (input - mean) * deviation * weight;
                }
            }
            (None, Some(bias)) => {
                for ((output, input), bias) in values.zip(bias) {
                    *output = (input - mean) * deviation + bias;
                }
            }
            (None, None) => {
                for (output, input) in values {
                    *output = (input - mean) * deviation;
                }
            }
        }
    }
}

multiversioned! {
    fn add_parameters(
        input: &[f32],
        slopes: &[f32],
        line: [f32; 2],
        by_weight: &mut [f32],
        by_bias: &mut [f32],
    ) {
        let [mean, deviation] = line;
        let targets = by_weight.iter_mut().zip(by_bias);
        for ((by_weight, by_bias), (input, slope)) in targets.zip(input.iter().zip(slopes)) {
            *by_weight += slope * ((input - mean) * deviation);
            *by_bias += slope;
        }
    }
}

/// Sums that run side by side.
const LANES: usize = 32;

multiversioned! {
    /// Writes `slope · weight`; gives its sum, and that of its products with the normalized values.
    fn row_sums(
        input: &[f32],
        slopes: &[f32],
        weight: Option<&[f32]>,
        line: [f32; 2],
        target: &mut [f32],
    ) -> [f64; 2] {
        let [mean, deviation] = line;
        match weight {
            Some(weight) => {
                for (target, (slope, weight)) in target.iter_mut().zip(slopes.iter().zip(weight)) {
                    *target = slope * weight;
                }
            }
            None => target.copy_from_slice(slopes),
        }
        let mut totals = [0.0; 2];
        for (input, slopes) in input.chunks(1024).zip(target.chunks(1024)) {
            let mut sums = [0.0_f32; LANES];
            let mut products = [0.0_f32; LANES];
            let (inputs, input_rest) = input.as_chunks::<LANES>();
            let (slopes, slope_rest) = slopes.as_chunks::<LANES>();
            for (input, slope) in inputs.iter().zip(slopes) {
                for lane in 0..LANES {
                    sums[lane] += slope[lane];
                    products[lane] += slope[lane] * ((input[lane] - mean) * deviation);
                }
            }
            for (lane, (input, slope)) in input_rest.iter().zip(slope_rest).enumerate() {
                sums[lane] += slope;
                products[lane] += slope * ((input - mean) * deviation);
            }
            totals[0] += sums::fold(sums);
            totals[1] += sums::fold(products);
        }
        totals
    }
}

multiversioned! {
    /// `(slope - slope_mean - normal · product_mean) · deviation`, where the slopes are.
    fn write_gradient(input: &[f32], line: [f32; 2], means: [f32; 2], target: &mut [f32]) {
        let [mean, deviation] = line;
        let [slope_mean, product_mean] = means;
        for (target, input) in target.iter_mut().zip(input) {
            let normal = (input - mean) * deviation;
            *target = (*target - slope_mean - normal * product_mean) * deviation;
        }
    }
}
