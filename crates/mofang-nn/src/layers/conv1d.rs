//! One-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::ops::ConvOptions;

use crate::kernels::{Prepared, Weights, conv2d};

/// `torch.nn.Conv1d` with stride 1 and without padding.
#[derive(Module, Debug)]
pub(crate) struct Conv1d {
    /// `[channels_out, channels_in, width]`
    pub(crate) weight: Param<Tensor<3>>,
    /// `[channels_out]`
    pub(crate) bias: Param<Tensor<1>>,
}

impl Conv1d {
    /// Steps that the window covers.
    pub(crate) fn width(&self) -> usize {
        self.weight.dims()[2]
    }

    /// `[batch, channels_in, 1, time]` to `[batch, channels_out, 1, time - width + 1]`: an image of one row,
    /// so that the convolution of images does it.
    pub(crate) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let [channels_out, channels_in, width] = self.weight.dims();
        let weight = self.weight.val();
        let weights = Weights {
            weight: weight.reshape([channels_out, channels_in, 1, width]),
            bias: Some(self.bias.val()),
            options: ConvOptions::new([1, 1], [0, 0], [1, 1], 1),
            prepared: Prepared::default(),
        };
        conv2d(input, weights)
    }
}
