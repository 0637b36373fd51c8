//! Layer normalization: Ba et al. 2016, <https://arxiv.org/abs/1607.06450>.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::kernels::layer_norm;

/// `torch.nn.LayerNorm` over the last axis.
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    /// `[features]`
    pub(crate) weight: Param<Tensor<1>>,
    /// `[features]`
    pub(crate) bias: Param<Tensor<1>>,
    /// Added to the variance.
    pub(crate) epsilon: f64,
}

impl LayerNorm {
    /// `[rows, features]` of the same shape.
    pub(crate) fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        layer_norm(input, self.weight.val(), self.bias.val(), self.epsilon)
    }
}
