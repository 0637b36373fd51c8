//! Batch normalization of images: Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>, with the
//! rectifier behind it in the same pass.
//!
//! `y = activation((x - mean) · weight / √(variance + epsilon) + bias)`, channel by channel. In training
//! mean and variance (divided by the count) are those of the batch, and the gradient goes through them.
//! A thread works on a whole channel, whose values stay in its cache between the passes.
#![expect(
    unsafe_code,
    reason = "a channel's planes are not one slice; threads have different channels"
)]

use rayon::prelude::*;

use crate::activation::{Activation, clamp};
use crate::error::check_length;
use crate::shared::SharedOutput;
use crate::simd::multiversioned;
use crate::{KernelError, sums};

/// `[batch, channels, pixels]` of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelShape {
    /// Images.
    pub batch: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Pixels of a channel.
    pub pixels: usize,
}

impl ChannelShape {
    /// The number of values, at most [`usize::MAX`].
    pub fn length(&self) -> usize {
        self.batch
            .saturating_mul(self.channels)
            .saturating_mul(self.pixels)
    }

    /// The values of each image's plane of a channel.
    fn planes<'a>(&self, channel: usize, values: &'a [f32]) -> impl Iterator<Item = &'a [f32]> {
        let Self {
            batch,
            channels,
            pixels,
        } = *self;
        (0..batch).map(move |image| {
            let start = (image * channels + channel) * pixels;
            &values[start..start + pixels]
        })
    }

    /// As [`ChannelShape::planes`], to be written.
    fn planes_mut<'a>(
        &self,
        channel: usize,
        values: &'a SharedOutput<'_>,
    ) -> impl Iterator<Item = &'a mut [f32]> {
        let Self {
            batch,
            channels,
            pixels,
        } = *self;
        (0..batch).map(move |image| values.part((image * channels + channel) * pixels, pixels))
    }
}

/// The parameters of a batch normalization, `[channels]` each.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    /// The factor.
    pub weight: &'a [f32],
    /// The summand.
    pub bias: &'a [f32],
    /// Added to the variance.
    pub epsilon: f64,
}

/// What a channel is normalized by, `[channels]` each.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The mean.
    pub mean: Vec<f32>,
    /// The mean square of the distance to it.
    pub variance: Vec<f32>,
}

impl Affine<'_> {
    fn check(&self, shape: &ChannelShape) -> Result<(), KernelError> {
        check_length("the weight", self.weight, shape.channels)?;
        check_length("the bias", self.bias, shape.channels)
    }

    /// `1 / √(variance + epsilon)`
    fn inverse_deviation(&self, variance: f32) -> f64 {
        1.0 / (f64::from(variance) + self.epsilon).sqrt()
    }

    /// The normalization by given statistics as `scale · x + bias`, `[channels]` each, `summand` being
    /// what is added to x before.
    ///
    /// # Errors
    /// When a slice has another length than the others.
    pub fn fold(
        &self,
        statistics: &Statistics,
        summand: Option<&[f32]>,
    ) -> Result<[Vec<f32>; 2], KernelError> {
        let channels = self.weight.len();
        check_length("the bias", self.bias, channels)?;
        check_length("the mean", &statistics.mean, channels)?;
        check_length("the variance", &statistics.variance, channels)?;
        if let Some(summand) = summand {
            check_length("the summand", summand, channels)?;
        }
        let (scale, bias) = (0..channels)
            .map(|channel| {
                let deviation = self.inverse_deviation(statistics.variance[channel]);
                let scale = f64::from(self.weight[channel]) * deviation;
                let summand = summand.map_or(0.0, |summand| f64::from(summand[channel]));
                let mean = f64::from(statistics.mean[channel]) - summand;
                let bias = f64::from(self.bias[channel]) - mean * scale;
                (narrow(scale), narrow(bias))
            })
            .unzip();
        Ok([scale, bias])
    }

    /// The factor of a channel.
    fn scale(&self, channel: usize, variance: f32) -> f32 {
        narrow(f64::from(self.weight[channel]) * self.inverse_deviation(variance))
    }
}

/// By statistics that are given: `output = activation((input - mean) · scale + bias)`.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn evaluate(
    shape: &ChannelShape,
    input: &[f32],
    affine: Affine<'_>,
    statistics: &Statistics,
    activation: Activation,
    output: &mut [f32],
) -> Result<(), KernelError> {
    check_length("the input", input, shape.length())?;
    check_length("the output", output, shape.length())?;
    check_length("the mean", &statistics.mean, shape.channels)?;
    check_length("the variance", &statistics.variance, shape.channels)?;
    affine.check(shape)?;
    if output.is_empty() {
        return Ok(());
    }
    output
        .par_chunks_exact_mut(shape.pixels)
        .zip(input.par_chunks_exact(shape.pixels))
        .enumerate()
        .for_each(|(plane, (output, input))| {
            let channel = plane % shape.channels;
            let scale = affine.scale(channel, statistics.variance[channel]);
            let mean = statistics.mean[channel];
            normalize(
                input,
                mean,
                scale,
                affine.bias[channel],
                activation.bounds(),
                output,
            );
        });
    Ok(())
}

/// By the statistics of the batch, which are given back.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn train(
    shape: &ChannelShape,
    input: &[f32],
    affine: Affine<'_>,
    activation: Activation,
    output: &mut [f32],
) -> Result<Statistics, KernelError> {
    check_length("the input", input, shape.length())?;
    check_length("the output", output, shape.length())?;
    affine.check(shape)?;
    let count = (shape.batch * shape.pixels) as f64;
    // SAFETY: each channel is one task's, and a task takes one plane at a time.
    let output = unsafe { SharedOutput::new(output) };
    let (mean, variance) = (0..shape.channels)
        .into_par_iter()
        .map(|channel| {
            let sum: f64 = shape.planes(channel, input).map(sums::sum).sum();
            let mean = narrow(sum / count);
            let squares: f64 = shape
                .planes(channel, input)
                .map(|plane| sums::sum_of_squares(plane, mean))
                .sum();
            let variance = narrow(squares / count);
            let scale = affine.scale(channel, variance);
            let bias = affine.bias[channel];
            let targets = shape.planes_mut(channel, &output);
            for (input, output) in shape.planes(channel, input).zip(targets) {
                normalize(input, mean, scale, bias, activation.bounds(), output);
            }
            (mean, variance)
        })
        .unzip();
    Ok(Statistics { mean, variance })
}

/// The gradients of [`train`] by the weight and the bias, `[channels]` each.
#[derive(Debug, Clone, PartialEq)]
pub struct AffineGradient {
    /// By the weight.
    pub weight: Vec<f32>,
    /// By the bias.
    pub bias: Vec<f32>,
}

/// The gradient of [`train`] by the input, and those by the parameters.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn gradient(
    shape: &ChannelShape,
    input: &[f32],
    affine: Affine<'_>,
    statistics: &Statistics,
    activation: Activation,
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<AffineGradient, KernelError> {
    check_length("the input", input, shape.length())?;
    check_length("the output's gradient", output_gradient, shape.length())?;
    check_length("the input's gradient", input_gradient, shape.length())?;
    check_length("the mean", &statistics.mean, shape.channels)?;
    check_length("the variance", &statistics.variance, shape.channels)?;
    affine.check(shape)?;
    let count = (shape.batch * shape.pixels) as f64;
    // SAFETY: each channel is one task's, and a task takes one plane at a time.
    let input_gradient = unsafe { SharedOutput::new(input_gradient) };
    let (weight, bias) = (0..shape.channels)
        .into_par_iter()
        .map(|channel| {
            let (mean, variance) = (statistics.mean[channel], statistics.variance[channel]);
            let inverse_deviation = affine.inverse_deviation(variance);
            let line = Line {
                mean,
                scale: affine.scale(channel, variance),
                bias: affine.bias[channel],
                stops: activation.stops(),
            };
            let pairs = || {
                shape
                    .planes(channel, input)
                    .zip(shape.planes(channel, output_gradient))
            };
            let (mut sum, mut products) = (0.0, 0.0);
            for (input, slope) in pairs() {
                let [plane_sum, plane_products] = slope_sums(input, slope, line);
                sum += plane_sum;
                products += plane_products;
            }
            let by_distance = products * inverse_deviation * inverse_deviation / count;
            let targets = shape.planes_mut(channel, &input_gradient);
            for ((input, slope), target) in pairs().zip(targets) {
                carry_back(
                    input,
                    slope,
                    line,
                    narrow(sum / count),
                    narrow(by_distance),
                    target,
                );
            }
            (narrow(products * inverse_deviation), narrow(sum))
        })
        .unzip();
    Ok(AffineGradient { weight, bias })
}

/// What was done to each value of a channel.
#[derive(Debug, Clone, Copy)]
struct Line {
    mean: f32,
    scale: f32,
    bias: f32,
    /// See [`Activation::stops`].
    stops: [f32; 2],
}

impl Line {
    /// The slope, where the activation has let the value pass.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "compiled for the caller's instructions"
    )]
    fn passed(self, distance: f32, slope: f32) -> f32 {
        let [low, high] = self.stops;
        let value = distance * self.scale + self.bias;
        let slope = if value <= low { 0.0 } else { slope };
        if value >= high { 0.0 } else { slope }
    }
}

multiversioned! {
    fn normalize(
        input: &[f32],
        mean: f32,
        scale: f32,
        bias: f32,
        bounds: [f32; 2],
        output: &mut [f32],
    ) {
        for (output, input) in output.iter_mut().zip(input) {
            *output = clamp((input - mean) * scale + bias, bounds);
        }
    }
}

/// Sums that run side by side, and values before they go into double precision.
const LANES: usize = 32;
const BLOCK: usize = 1024;

multiversioned! {
    /// The sums of the slopes that pass, and of their products with the distances to the mean.
    fn slope_sums(input: &[f32], slopes: &[f32], line: Line) -> [f64; 2] {
        let mut totals = [0.0; 2];
        for (input, slopes) in input.chunks(BLOCK).zip(slopes.chunks(BLOCK)) {
            let mut sums = [0.0_f32; LANES];
            let mut products = [0.0_f32; LANES];
            let (inputs, input_rest) = input.as_chunks::<LANES>();
            let (slopes, slope_rest) = slopes.as_chunks::<LANES>();
            for (input, slope) in inputs.iter().zip(slopes) {
                for lane in 0..LANES {
                    let distance = input[lane] - line.mean;
                    let slope = line.passed(distance, slope[lane]);
                    sums[lane] += slope;
                    products[lane] += slope * distance;
                }
            }
            for (lane, (input, slope)) in input_rest.iter().zip(slope_rest).enumerate() {
                let distance = input - line.mean;
                let slope = line.passed(distance, *slope);
                sums[lane] += slope;
                products[lane] += slope * distance;
            }
            totals[0] += sums::fold(sums);
            totals[1] += sums::fold(products);
        }
        totals
    }
}

multiversioned! {
    /// `scale · (slope - slope_mean - (x - mean) · by_distance)`
    fn carry_back(
        input: &[f32],
        slopes: &[f32],
        line: Line,
        slope_mean: f32,
        by_distance: f32,
        output: &mut [f32],
    ) {
        for (output, (input, slope)) in output.iter_mut().zip(input.iter().zip(slopes)) {
            let distance = input - line.mean;
            let slope = line.passed(distance, *slope);
            *output = line.scale * (slope - slope_mean - distance * by_distance);
        }
    }
}

fn narrow(value: f64) -> f32 {
    value as f32
}
