//! Fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::ImageShape;
use crate::NnError;
use crate::kernels::{Nonlinearity, linear, linear_nonlinear};

/// `torch.nn.Linear`: `y = x Wᵀ + b`.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    /// `[features_out, features_in]`
    pub(crate) weight: Param<Tensor<2>>,
    /// `[features_out]`
    pub(crate) bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    pub(crate) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let [features_out, features_in] = self.weight.dims();
        let batch = input.dims()[0];
        self.rows(input.reshape([batch, features_in]))
            .reshape([batch, features_out, 1, 1])
    }

    /// `[rows, features_in]` to `[rows, features_out]`.
    pub(crate) fn rows(&self, input: Tensor<2>) -> Tensor<2> {
        let bias = self.bias.as_ref().map(Param::val);
        linear(input, self.weight.val(), bias)
    }

    /// As [`Linear::rows`], with an activation of what comes out.
    pub(crate) fn nonlinear(&self, input: Tensor<2>, nonlinearity: Nonlinearity) -> Tensor<2> {
        let bias = self.bias.as_ref().map(Param::val);
        linear_nonlinear(input, self.weight.val(), bias, nonlinearity)
    }

    pub(crate) fn output_shape(&self, input: ImageShape) -> Result<ImageShape, NnError> {
        let [features_out, features_in] = self.weight.dims();
        if input == [features_in, 1, 1] {
            Ok([features_out, 1, 1])
        } else {
            Err(NnError::InvalidSpec(format!(
                "a linear layer takes {features_in} features, not an image of {input:?}"
            )))
        }
    }
}
