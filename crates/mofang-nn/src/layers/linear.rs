//! Fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::ImageShape;
use crate::NnError;
use crate::kernels::linear;

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
        let weight = self.weight.val();
        let [features_out, features_in] = weight.dims();
        let batch = input.dims()[0];
        linear(
            input.reshape([batch, features_in]),
            weight,
            self.bias.as_ref().map(Param::val),
        )
        .reshape([batch, features_out, 1, 1])
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
