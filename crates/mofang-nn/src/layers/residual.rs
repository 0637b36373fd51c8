//! Residual blocks: He et al. 2015, <https://arxiv.org/abs/1512.03385>; inverted: Sandler et al.
//! 2018, <https://arxiv.org/abs/1801.04381>.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{ImageShape, Pass, Sequence};
use crate::NnError;
use crate::kernels::{Activation, add, around, can_fork, subsample};

/// The way around a residual block's body, where it has no parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shortcut {
    /// The input itself.
    Identity,
    /// Every second pixel, and as many channels of zeros before as behind: "option A" of the paper.
    Subsample {
        /// Channels of zeros on each side.
        padding: usize,
    },
}

/// `body(x) + shortcut(x)`, rectified where `rectified` says so.
#[derive(Module, Debug)]
pub(crate) struct Residual {
    pub(crate) body: Sequence,
    /// A shortcut with parameters, in place of `shortcut`.
    pub(crate) downsample: Option<Sequence>,
    #[module(skip)]
    pub(crate) shortcut: Shortcut,
    pub(crate) rectified: bool,
}

impl Residual {
    pub(crate) fn forward(&self, input: Tensor<4>, pass: Pass) -> Tensor<4> {
        let activation = if self.rectified {
            Activation::Relu
        } else {
            Activation::Identity
        };
        let body = |input| self.body.forward(input, pass);
        let side = match (&self.downsample, self.shortcut) {
            (Some(downsample), _) => downsample.forward(input.clone(), pass),
            (None, Shortcut::Identity) if can_fork(&input) => {
                return around(input, activation, body);
            }
            (None, shortcut) => shortcut.forward(input.clone()),
        };
        add(body(input), side, activation)
    }

    pub(crate) fn output_shape(&self, input: ImageShape) -> Result<ImageShape, NnError> {
        let output = self.body.output_shape(input)?;
        let around = match &self.downsample {
            Some(downsample) => downsample.output_shape(input)?,
            None => self.shortcut.output_shape(input),
        };
        if output == around {
            Ok(output)
        } else {
            Err(NnError::InvalidSpec(format!(
                "a residual block gives {output:?} and its shortcut {around:?}"
            )))
        }
    }
}

impl Shortcut {
    fn forward(self, input: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Identity => input,
            Self::Subsample { padding } => subsample(input, padding),
        }
    }

    fn output_shape(self, [channels, height, width]: ImageShape) -> ImageShape {
        match self {
            Self::Identity => [channels, height, width],
            Self::Subsample { padding } => [
                channels + 2 * padding,
                height.div_ceil(2),
                width.div_ceil(2),
            ],
        }
    }
}
