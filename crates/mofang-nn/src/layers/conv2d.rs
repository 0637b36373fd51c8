//! Two-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::ops::ConvOptions;

use super::{BatchNorm2d, ImageShape, windows};
use crate::NnError;
use crate::kernels::{Activation, Prepared, Weights, conv2d, conv2d_normalized};

/// Largest side of a kernel, stride, padding and dilation.
const GEOMETRY_MAX: usize = 1 << 12;

/// The geometry of a convolution; pairs are `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Channels that come in.
    pub channels_in: usize,
    /// Channels that go out.
    pub channels_out: usize,
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// How far the kernel moves between two outputs.
    pub stride: [usize; 2],
    /// Rows and columns of zeros on each side.
    pub padding: [usize; 2],
    /// How far apart the kernel's values lie.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether each output channel has a bias.
    pub bias: bool,
}

impl Convolution {
    /// A square kernel, stride 1, padding that keeps the size (for an odd kernel), no groups, no bias.
    pub(crate) fn same(channels_in: usize, channels_out: usize, kernel: usize) -> Self {
        Self {
            channels_in,
            channels_out,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [kernel / 2; 2],
            dilation: [1; 2],
            groups: 1,
            bias: false,
        }
    }

    /// Whether there is such a convolution.
    pub(crate) fn check(&self) -> Result<(), NnError> {
        let Self {
            channels_in,
            channels_out,
            kernel,
            stride,
            padding,
            dilation,
            groups,
            ..
        } = *self;
        let positive = [channels_in, channels_out, groups]
            .iter()
            .chain(&kernel)
            .chain(&stride)
            .chain(&dilation)
            .all(|size| *size > 0);
        // Far above any network, and far below where sizes would overflow.
        let bounded = kernel
            .iter()
            .chain(&stride)
            .chain(&padding)
            .chain(&dilation)
            .all(|size| *size <= GEOMETRY_MAX);
        if positive && bounded && channels_in % groups == 0 && channels_out % groups == 0 {
            return Ok(());
        }
        Err(NnError::InvalidSpec(format!(
            "there is no convolution from {channels_in} to {channels_out} channels with a kernel \
             of {kernel:?}, a stride of {stride:?}, a padding of {padding:?}, a dilation of \
             {dilation:?} and {groups} groups"
        )))
    }
}

/// `torch.nn.Conv2d`.
#[derive(Module, Debug)]
pub(crate) struct Conv2d {
    /// `[channels_out, channels_in / groups, kernel height, kernel width]`
    pub(crate) weight: Param<Tensor<4>>,
    /// `[channels_out]`
    pub(crate) bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    pub(crate) geometry: Convolution,
    #[module(skip)]
    pub(crate) prepared: Prepared,
}

impl Conv2d {
    pub(crate) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        conv2d(input, self.weights())
    }

    /// In evaluation, with the normalization and the activation that stand behind it.
    pub(crate) fn evaluate(
        &self,
        input: Tensor<4>,
        norm: Option<&BatchNorm2d>,
        activation: Activation,
    ) -> Tensor<4> {
        let norm = norm.map(|norm| (norm.affine(), norm.statistics()));
        conv2d_normalized(input, self.weights(), norm, activation)
    }

    fn weights(&self) -> Weights {
        let Convolution {
            stride,
            padding,
            dilation,
            groups,
            ..
        } = self.geometry;
        Weights {
            weight: self.weight.val(),
            bias: self.bias.as_ref().map(Param::val),
            options: ConvOptions::new(stride, padding, dilation, groups),
            prepared: self.prepared.clone(),
        }
    }

    pub(crate) fn output_shape(
        &self,
        [channels, height, width]: ImageShape,
    ) -> Result<ImageShape, NnError> {
        let Convolution {
            channels_in,
            channels_out,
            kernel,
            stride,
            padding,
            dilation,
            ..
        } = self.geometry;
        if channels != channels_in {
            return Err(NnError::InvalidSpec(format!(
                "a convolution takes {channels_in} channels, not {channels}"
            )));
        }
        let along = |axis: usize, size| {
            // The kernel's first and last value lie so far apart; `check` has seen that it fits.
            let span = (kernel[axis] - 1) * dilation[axis] + 1;
            windows(size, span, stride[axis], padding[axis]).ok_or_else(|| {
                NnError::InvalidSpec(format!(
                    "the image has shrunk to {height}×{width} where a convolution of {}×{} comes; \
                     take larger images or fewer reductions",
                    kernel[0], kernel[1]
                ))
            })
        };
        Ok([channels_out, along(0, height)?, along(1, width)?])
    }
}
