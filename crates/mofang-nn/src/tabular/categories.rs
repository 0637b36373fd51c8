//! A vector for each category.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};

use crate::NnError;
use crate::builder::Builder;
use crate::initializer::Initializer;

/// `torch.nn.Embedding` for each category of a row.
#[derive(Module, Debug)]
pub(crate) struct Table {
    /// `[codes, dimension]`
    pub(crate) weight: Param<Tensor<2>>,
}

impl Table {
    /// A table of fresh vectors.
    pub(crate) fn new(
        builder: &mut Builder<'_>,
        codes: usize,
        dimension: usize,
    ) -> Result<Self, NnError> {
        let weight =
            builder.parameter([codes, dimension], Initializer::TorchDefault, dimension, 1)?;
        Ok(Self { weight })
    }

    /// The vector of each code: `[batch]` to `[batch, dimension]`.
    pub(crate) fn forward(&self, codes: Tensor<1, Int>) -> Tensor<2> {
        self.weight.val().select(0, codes)
    }
}

/// The codes of a column `[batch]`.
pub(crate) fn codes_of(rows: &Tensor<2>, column: usize) -> Tensor<1, Int> {
    let batch = rows.dims()[0];
    let codes = rows.clone().slice([0..batch, column..column + 1]);
    codes.flatten::<1>(0, 1).int()
}

/// How long the vector of a category is when nobody says it: `min(50, 1.6 · codes^0.56)`, the rule of
/// fastai's tabular models.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "codes are few"
)]
pub(crate) fn usual_dimension(codes: usize) -> usize {
    ((1.6 * (codes as f64).powf(0.56)).round() as usize).clamp(1, 50)
}
