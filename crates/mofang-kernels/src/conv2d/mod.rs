//! Two-dimensional convolution (cross-correlation, as `torch.nn.functional.conv2d`): dense, strided,
//! padded, dilated, grouped, depthwise.
//!
//! `output[n, o, y, x] = bias[o] + Σ weight[o, c, i, j] · input[n, g(o) + c, y·s + i·d - p, x·s + j·d - p]`
//!
//! A convolution is a product of the weights and a matrix that has a row for each (channel, tap) and
//! a column for each pixel of the output. That matrix is never built whole: the columns of one tile are
//! gathered from the padded image into the first-level cache, multiplied with all weights, and forgotten
//! (implicit im2col: Chetlur et al. 2014, <https://arxiv.org/abs/1410.0759>). The gradient by the input
//! is the same operation on the output's gradient, once for each phase of the stride; the gradient by
//! the weights multiplies the same columns with the output's gradient.
//!
//! Sums are split by the geometry alone, never by threads, so that results do not depend on their
//! number.

mod depthwise;
mod gather;
mod geometry;
mod product;
mod weight_gradient;

use rayon::prelude::*;

pub use geometry::{Conv2dGeometry, Conv2dWindows};

use crate::activation::clamp;
use crate::error::check_length;
use crate::{Activation, KernelError};
use gather::{Gather, OutputGrid};
use product::{PackedWeights, Product, WeightStrides};

/// What is done to each sum: `activation(scale · sum + bias)`, `[channels_out]` each.
///
/// A batch normalization in evaluation is a scale and a bias
/// ([`Affine::fold`](crate::batch_norm2d::Affine::fold)).
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// The factor, 1 where there is none.
    pub scale: Option<&'a [f32]>,
    /// The summand, 0 where there is none.
    pub bias: Option<&'a [f32]>,
    /// What is done last.
    pub activation: Activation,
}

impl Epilogue<'_> {
    fn check(&self, channels: usize) -> Result<(), KernelError> {
        if let Some(scale) = self.scale {
            check_length("the scale", scale, channels)?;
        }
        if let Some(bias) = self.bias {
            check_length("the bias", bias, channels)?;
        }
        Ok(())
    }

    /// Scale and bias of a channel.
    fn of(&self, channel: usize) -> [f32; 2] {
        [
            self.scale.map_or(1.0, |scale| scale[channel]),
            self.bias.map_or(0.0, |bias| bias[channel]),
        ]
    }

    /// That of some channels.
    fn part(&self, channels: std::ops::Range<usize>) -> Self {
        Self {
            scale: self.scale.map(|scale| &scale[channels.clone()]),
            bias: self.bias.map(|bias| &bias[channels]),
            activation: self.activation,
        }
    }
}

/// The convolution, bias and activation included.
///
/// `input` is `[batch, channels_in, height, width]`, `weight` is
/// `[channels_out, channels_in / groups, kernel height, kernel width]`, `output` is `[batch, channels_out, output height, output width]`.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn forward(
    geometry: &Conv2dGeometry,
    input: &[f32],
    weight: &[f32],
    epilogue: Epilogue<'_>,
    output: &mut [f32],
) -> Result<(), KernelError> {
    forward_prepared(geometry, input, weight, None, epilogue, output)
}

/// The weights of a convolution in the order in which they are multiplied. To make them takes longer than
/// to multiply a small image by them; whoever does so often keeps them.
#[derive(Debug)]
pub struct PreparedWeights {
    packed: PackedWeights,
    geometry: Conv2dGeometry,
}

impl PreparedWeights {
    /// The weights of a convolution, for any batch and size of images; none where it needs no order.
    ///
    /// # Errors
    /// When there are more or fewer weights than the geometry says.
    pub fn new(geometry: &Conv2dGeometry, weight: &[f32]) -> Result<Option<Self>, KernelError> {
        check_length("the weight", weight, geometry.weight_length())?;
        Ok((!geometry.is_depthwise()).then(|| Self {
            packed: pack(geometry, weight),
            geometry: *geometry,
        }))
    }

    /// Whether they can be those of `geometry`.
    fn fits(&self, geometry: &Conv2dGeometry) -> bool {
        let shape = |geometry: &Conv2dGeometry| {
            (
                geometry.channels_in,
                geometry.channels_out,
                geometry.kernel,
                geometry.groups,
            )
        };
        shape(&self.geometry) == shape(geometry)
    }
}

/// The weights as [`forward`] multiplies them.
fn pack(geometry: &Conv2dGeometry, weight: &[f32]) -> PackedWeights {
    let taps = geometry.kernel[0] * geometry.kernel[1];
    let (rows, channels) = (geometry.group_out(), geometry.group_in());
    let strides = WeightStrides {
        group: rows * channels * taps,
        row: channels * taps,
        channel: taps,
        taps: (0..taps).collect(),
    };
    PackedWeights::new(weight, geometry.groups, rows, channels, &strides)
}

/// As [`forward`], with weights that were prepared, where they are those of this geometry.
///
/// # Errors
/// As [`forward`].
pub fn forward_prepared(
    geometry: &Conv2dGeometry,
    input: &[f32],
    weight: &[f32],
    prepared: Option<&PreparedWeights>,
    epilogue: Epilogue<'_>,
    output: &mut [f32],
) -> Result<(), KernelError> {
    geometry.check_lengths(input, weight, output)?;
    epilogue.check(geometry.channels_out)?;
    if input.is_empty() || output.is_empty() {
        let pixels = geometry.output()[0] * geometry.output()[1];
        for (plane, output) in output.chunks_exact_mut(pixels.max(1)).enumerate() {
            let [_, bias] = epilogue.of(plane % geometry.channels_out);
            output.fill(clamp(bias, epilogue.activation.bounds()));
        }
        return Ok(());
    }
    let gather = Gather::of_output(geometry);
    let grid = OutputGrid::whole(geometry.output());
    if geometry.is_depthwise() {
        depthwise::apply(
            geometry.batch,
            geometry.channels_in,
            &gather,
            &grid,
            |channel, tap| weight[channel * gather.taps.len() + tap],
            epilogue,
            input,
            output,
        );
        return Ok(());
    }
    let prepared = prepared.filter(|prepared| prepared.fits(geometry));
    let own = prepared.is_none().then(|| pack(geometry, weight));
    let Some(weights) = prepared.map(|prepared| &prepared.packed).or(own.as_ref()) else {
        return Ok(());
    };
    let product = Product {
        batch: geometry.batch,
        gather: &gather,
        grid,
        weights,
        channels: geometry.group_in(),
        epilogue,
    };
    product.run(input, output);
    Ok(())
}

/// The gradient by the input, `[batch, channels_in, height, width]`.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn input_gradient(
    geometry: &Conv2dGeometry,
    weight: &[f32],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<(), KernelError> {
    geometry.check_lengths(input_gradient, weight, output_gradient)?;
    if input_gradient.is_empty() || output_gradient.is_empty() {
        input_gradient.fill(0.0);
        return Ok(());
    }
    let [kernel_height, kernel_width] = geometry.kernel;
    let kernel = kernel_height * kernel_width;
    let (rows, channels) = (geometry.group_in(), geometry.group_out());
    for phase in Gather::of_input(geometry) {
        let (gather, grid, kept) = phase;
        if geometry.is_depthwise() {
            depthwise::apply(
                geometry.batch,
                geometry.channels_in,
                &gather,
                &grid,
                |channel, tap| weight[channel * kernel + kept[tap]],
                Epilogue::default(),
                output_gradient,
                input_gradient,
            );
            continue;
        }
        let strides = WeightStrides {
            group: channels * rows * kernel,
            row: kernel,
            channel: rows * kernel,
            taps: kept,
        };
        let weights = PackedWeights::new(weight, geometry.groups, rows, channels, &strides);
        let product = Product {
            batch: geometry.batch,
            gather: &gather,
            grid,
            weights: &weights,
            channels,
            epilogue: Epilogue::default(),
        };
        product.run(output_gradient, input_gradient);
    }
    Ok(())
}

/// The gradient by the weights,
/// `[channels_out, channels_in / groups, kernel height, kernel width]`.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn weight_gradient(
    geometry: &Conv2dGeometry,
    input: &[f32],
    output_gradient: &[f32],
    weight_gradient: &mut [f32],
) -> Result<(), KernelError> {
    geometry.check_lengths(input, weight_gradient, output_gradient)?;
    if input.is_empty() || output_gradient.is_empty() || weight_gradient.is_empty() {
        weight_gradient.fill(0.0);
        return Ok(());
    }
    let gather = Gather::of_output(geometry);
    if geometry.is_depthwise() {
        depthwise::weight_gradient(geometry, &gather, input, output_gradient, weight_gradient);
    } else {
        weight_gradient::run(geometry, &gather, input, output_gradient, weight_gradient);
    }
    Ok(())
}

/// The gradient by the bias, `[channels_out]`: the sum of each channel.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn bias_gradient(
    geometry: &Conv2dGeometry,
    output_gradient: &[f32],
    bias_gradient: &mut [f32],
) -> Result<(), KernelError> {
    check_length(
        "the output's gradient",
        output_gradient,
        geometry.output_length(),
    )?;
    check_length("the bias's gradient", bias_gradient, geometry.channels_out)?;
    let pixels = geometry.output()[0] * geometry.output()[1];
    let channels = geometry.channels_out;
    bias_gradient
        .par_iter_mut()
        .enumerate()
        .for_each(|(channel, sum)| {
            let planes = (0..geometry.batch).map(|image| {
                let start = (image * channels + channel) * pixels;
                crate::sums::sum(&output_gradient[start..start + pixels])
            });
            *sum = narrow(planes.sum());
        });
    Ok(())
}

fn narrow(value: f64) -> f32 {
    value as f32
}
