//! Layers without parameters.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::{relu, relu6};
use burn::tensor::module::{adaptive_avg_pool2d, avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

use super::{ImageShape, windows};
use crate::NnError;

/// A square window that goes over an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pooling {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    /// A last window may reach over the edge.
    pub(crate) ceil_mode: bool,
}

impl Pooling {
    /// A window of 2×2 that halves the image.
    pub(crate) fn halving() -> Self {
        Self {
            kernel: 2,
            stride: 2,
            padding: 0,
            ceil_mode: false,
        }
    }

    fn size(self, size: usize) -> Option<usize> {
        let floor = windows(size, self.kernel, self.stride, self.padding)?;
        let remainder = (size + 2 * self.padding - self.kernel) % self.stride;
        // PyTorch drops a last window that would start in the padding.
        let fits = floor * self.stride < size + self.padding;
        Some(floor + usize::from(self.ceil_mode && remainder > 0 && fits))
    }
}

/// What a [`Function`] does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// The largest value of each window.
    MaxPool(Pooling),
    /// The mean of each window.
    AveragePool(Pooling),
    /// The mean of each channel.
    GlobalAveragePool,
    /// All values in one vector, channel by channel.
    Flatten,
}

/// A layer without parameters.
#[derive(Module, Debug)]
pub(crate) struct Function {
    #[module(skip)]
    pub(crate) operation: Operation,
}

impl Function {
    pub(crate) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        match self.operation {
            Operation::Relu => relu(input),
            Operation::Relu6 => relu6(input),
            Operation::MaxPool(pooling) => max_pool2d(
                input,
                MaxPoolOptions::new([pooling.kernel; 2])
                    .with_stride([pooling.stride; 2])
                    .with_padding([pooling.padding; 2])
                    .with_ceil_mode(pooling.ceil_mode),
            ),
            Operation::AveragePool(pooling) => avg_pool2d(
                input,
                AvgPoolOptions::new([pooling.kernel; 2])
                    .with_stride([pooling.stride; 2])
                    .with_padding([pooling.padding; 2])
                    .with_ceil_mode(pooling.ceil_mode),
            ),
            Operation::GlobalAveragePool => adaptive_avg_pool2d(input, [1, 1]),
            Operation::Flatten => {
                let [batch, channels, height, width] = input.dims();
                input.reshape([batch, channels * height * width, 1, 1])
            }
        }
    }

    pub(crate) fn output_shape(
        &self,
        [channels, height, width]: ImageShape,
    ) -> Result<ImageShape, NnError> {
        match self.operation {
            Operation::Relu | Operation::Relu6 => Ok([channels, height, width]),
            Operation::MaxPool(pooling) | Operation::AveragePool(pooling) => {
                let along = |size| {
                    pooling.size(size).ok_or_else(|| {
                        NnError::InvalidSpec(format!(
                            "the image has shrunk to {height}×{width} where it is to be pooled by \
                             {kernel}×{kernel}; take larger images or fewer reductions",
                            kernel = pooling.kernel
                        ))
                    })
                };
                Ok([channels, along(height)?, along(width)?])
            }
            Operation::GlobalAveragePool => Ok([channels, 1, 1]),
            Operation::Flatten => Ok([channels * height * width, 1, 1]),
        }
    }
}
