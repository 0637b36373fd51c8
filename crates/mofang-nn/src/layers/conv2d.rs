//! Two-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::{ImageShape, windows};
use crate::NnError;

/// The geometry of a convolution with a square kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Convolution {
    pub(crate) channels_in: usize,
    pub(crate) channels_out: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) groups: usize,
    pub(crate) bias: bool,
}

impl Convolution {
    /// Stride 1, padding that keeps the size (for an odd kernel), no groups, no bias.
    pub(crate) fn same(channels_in: usize, channels_out: usize, kernel: usize) -> Self {
        Self {
            channels_in,
            channels_out,
            kernel,
            stride: 1,
            padding: kernel / 2,
            groups: 1,
            bias: false,
        }
    }
}

/// `torch.nn.Conv2d`.
#[derive(Module, Debug)]
pub(crate) struct Conv2d {
    /// `[channels_out, channels_in / groups, kernel, kernel]`
    pub(crate) weight: Param<Tensor<4>>,
    /// `[channels_out]`
    pub(crate) bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    pub(crate) geometry: Convolution,
}

impl Conv2d {
    pub(crate) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let Convolution {
            stride,
            padding,
            groups,
            ..
        } = self.geometry;
        conv2d(
            input,
            self.weight.val(),
            self.bias.as_ref().map(Param::val),
            ConvOptions::new([stride; 2], [padding; 2], [1, 1], groups),
        )
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
            ..
        } = self.geometry;
        if channels != channels_in {
            return Err(NnError::InvalidSpec(format!(
                "a convolution takes {channels_in} channels, not {channels}"
            )));
        }
        let along = |size| {
            windows(size, kernel, stride, padding).ok_or_else(|| {
                NnError::InvalidSpec(format!(
                    "the image has shrunk to {height}×{width} where a convolution of \
                     {kernel}×{kernel} comes; take larger images or fewer reductions"
                ))
            })
        };
        Ok([channels_out, along(height)?, along(width)?])
    }
}
