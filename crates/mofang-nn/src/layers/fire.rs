//! The fire module of SqueezeNet: Iandola et al. 2016, <https://arxiv.org/abs/1602.07360>.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Conv2d, ImageShape};
use crate::NnError;
use crate::kernels::{Activation, activate};

/// A 1×1 convolution to few channels, and from there one of 1×1 and one of 3×3 side by side.
#[derive(Module, Debug)]
pub(crate) struct Fire {
    pub(crate) squeeze: Conv2d,
    pub(crate) expand1x1: Conv2d,
    pub(crate) expand3x3: Conv2d,
}

impl Fire {
    pub(crate) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let relu = |tensor| activate(tensor, Activation::Relu);
        let squeezed = relu(self.squeeze.forward(input));
        let narrow = relu(self.expand1x1.forward(squeezed.clone()));
        let wide = relu(self.expand3x3.forward(squeezed));
        Tensor::cat(vec![narrow, wide], 1)
    }

    pub(crate) fn output_shape(&self, input: ImageShape) -> Result<ImageShape, NnError> {
        let squeezed = self.squeeze.output_shape(input)?;
        let [narrow, height, width] = self.expand1x1.output_shape(squeezed)?;
        let [wide, ..] = self.expand3x3.output_shape(squeezed)?;
        Ok([narrow + wide, height, width])
    }
}
