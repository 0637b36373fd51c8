//! Layers without parameters.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, leaky_relu, sigmoid, silu, tanh};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

use super::{ImageShape, windows};
use crate::NnError;
use crate::kernels::{Activation, activate, adaptive_avg_pool2d, avg_pool2d, max_pool2d};

/// A window that goes over an image; pairs are `[height, width]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pooling {
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    /// A last window may reach over the edge.
    pub(crate) ceil_mode: bool,
    /// Whether a mean counts the zeros of the padding.
    pub(crate) count_include_pad: bool,
}

impl Pooling {
    /// A square window without padding.
    pub(crate) fn square(kernel: usize, stride: usize) -> Self {
        Self {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [0; 2],
            ceil_mode: false,
            count_include_pad: true,
        }
    }

    /// A window of 2×2 that halves the image.
    pub(crate) fn halving() -> Self {
        Self::square(2, 2)
    }

    /// `[height, width]` of what comes out.
    pub(crate) fn output(self, input: &Tensor<4>) -> Option<[usize; 2]> {
        let [.., height, width] = input.dims();
        Some([self.size(0, height)?, self.size(1, width)?])
    }

    fn size(self, axis: usize, size: usize) -> Option<usize> {
        let (kernel, stride, padding) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
        // PyTorch's own condition: every window begins within the image or its padding's mirror.
        if kernel == 0 || padding > kernel / 2 {
            return None;
        }
        let floor = windows(size, kernel, stride, padding)?;
        let remainder = (size + 2 * padding - kernel) % stride;
        // PyTorch drops a last window that would start in the padding.
        let fits = floor * stride < size + padding;
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
    /// The means of as many areas as there are values here, `[height, width]`; 1×1 is the mean of
    /// each channel.
    AdaptiveAveragePool([usize; 2]),
    /// All values in one vector, channel by channel.
    Flatten,
    /// Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>, with the error function.
    Gelu,
    /// The input as it is.
    Identity,
    /// `x` above zero, `x` times this below.
    LeakyRelu(f64),
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `x · sigmoid(x)`
    Silu,
    /// The hyperbolic tangent.
    Tanh,
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
            Operation::Relu => activate(input, Activation::Relu),
            Operation::Relu6 => activate(input, Activation::Relu6),
            Operation::LeakyRelu(slope) => leaky_relu(input, slope),
            Operation::Gelu => gelu(input),
            Operation::Sigmoid => sigmoid(input),
            Operation::Silu => silu(input),
            Operation::Tanh => tanh(input),
            Operation::Identity => input,
            Operation::MaxPool(pooling) => max_pool2d(
                pooling.output(&input),
                input,
                MaxPoolOptions::new(pooling.kernel)
                    .with_stride(pooling.stride)
                    .with_padding(pooling.padding)
                    .with_ceil_mode(pooling.ceil_mode),
            ),
            Operation::AveragePool(pooling) => avg_pool2d(
                pooling.output(&input),
                input,
                AvgPoolOptions::new(pooling.kernel)
                    .with_stride(pooling.stride)
                    .with_padding(pooling.padding)
                    .with_count_include_pad(pooling.count_include_pad)
                    .with_ceil_mode(pooling.ceil_mode),
            ),
            Operation::AdaptiveAveragePool(size) => adaptive_avg_pool2d(input, size),
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
            Operation::Relu
            | Operation::Relu6
            | Operation::LeakyRelu(_)
            | Operation::Gelu
            | Operation::Sigmoid
            | Operation::Silu
            | Operation::Tanh
            | Operation::Identity => Ok([channels, height, width]),
            Operation::MaxPool(pooling) | Operation::AveragePool(pooling) => {
                let along = |axis, size| {
                    pooling.size(axis, size).ok_or_else(|| {
                        NnError::InvalidSpec(format!(
                            "the image has shrunk to {height}×{width} where it is to be pooled by \
                             {}×{}; take larger images or fewer reductions",
                            pooling.kernel[0], pooling.kernel[1]
                        ))
                    })
                };
                Ok([channels, along(0, height)?, along(1, width)?])
            }
            Operation::AdaptiveAveragePool([height, width]) => Ok([channels, height, width]),
            Operation::Flatten => Ok([channels * height * width, 1, 1]),
        }
    }
}
