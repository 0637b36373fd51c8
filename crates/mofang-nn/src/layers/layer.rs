//! Any layer.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{
    BatchNorm2d, Conv2d, Convolution, Dropout, Fire, Function, ImageShape, Linear, Operation, Pass,
    Residual, Sequence,
};
use crate::NnError;
use crate::kernels::Activation;

/// Any layer.
#[expect(
    clippy::large_enum_variant,
    reason = "a network has a few dozen layers, and burn's modules cannot be boxed"
)]
#[derive(Module, Debug)]
pub(crate) enum Layer {
    BatchNorm2d(BatchNorm2d),
    Conv2d(Conv2d),
    Dropout(Dropout),
    Fire(Fire),
    Function(Function),
    Linear(Linear),
    Residual(Residual),
    Sequence(Sequence),
}

impl Layer {
    pub(crate) fn forward(&self, input: Tensor<4>, pass: Pass) -> Tensor<4> {
        match self {
            Self::BatchNorm2d(layer) => layer.forward(input, Activation::Identity, pass),
            Self::Conv2d(layer) => layer.forward(input),
            Self::Dropout(layer) => layer.forward(input, pass),
            Self::Fire(layer) => layer.forward(input),
            Self::Function(layer) => layer.forward(input),
            Self::Linear(layer) => layer.forward(input),
            Self::Residual(layer) => layer.forward(input, pass),
            Self::Sequence(layer) => layer.forward(input, pass),
        }
    }

    /// Every convolution with its name as of PyTorch's modules, `prefix` before it.
    pub(crate) fn convolutions(&self, prefix: &str, found: &mut Vec<(String, Convolution)>) {
        match self {
            Self::Conv2d(layer) => found.push((prefix.to_owned(), layer.geometry)),
            Self::Fire(layer) => {
                for (name, convolution) in [
                    ("squeeze", &layer.squeeze),
                    ("expand1x1", &layer.expand1x1),
                    ("expand3x3", &layer.expand3x3),
                ] {
                    found.push((format!("{prefix}.{name}"), convolution.geometry));
                }
            }
            Self::Residual(layer) => {
                layer.body.convolutions(prefix, found);
                if let Some(downsample) = &layer.downsample {
                    downsample.convolutions(&format!("{prefix}.downsample"), found);
                }
            }
            Self::Sequence(layer) => layer.convolutions(prefix, found),
            Self::BatchNorm2d(_) | Self::Dropout(_) | Self::Function(_) | Self::Linear(_) => {}
        }
    }

    /// The batch normalization that it is.
    pub(crate) fn as_batch_norm2d(&self) -> Option<&BatchNorm2d> {
        if let Self::BatchNorm2d(norm) = self {
            Some(norm)
        } else {
            None
        }
    }

    /// The rectifier that it is, when it is one that other operations take in.
    pub(crate) fn activation(&self) -> Option<Activation> {
        let Self::Function(function) = self else {
            return None;
        };
        if matches!(function.operation, Operation::Relu) {
            Some(Activation::Relu)
        } else if matches!(function.operation, Operation::Relu6) {
            Some(Activation::Relu6)
        } else {
            None
        }
    }

    /// The shape of what comes out for one image, or why the layer cannot take it.
    pub(crate) fn output_shape(&self, input: ImageShape) -> Result<ImageShape, NnError> {
        match self {
            Self::BatchNorm2d(layer) => layer.output_shape(input),
            Self::Conv2d(layer) => layer.output_shape(input),
            Self::Dropout(_) => Ok(input),
            Self::Fire(layer) => layer.output_shape(input),
            Self::Function(layer) => layer.output_shape(input),
            Self::Linear(layer) => layer.output_shape(input),
            Self::Residual(layer) => layer.output_shape(input),
            Self::Sequence(layer) => layer.output_shape(input),
        }
    }
}
