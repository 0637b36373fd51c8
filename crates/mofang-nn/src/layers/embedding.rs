//! A table of vectors.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::Tokens;
use crate::kernels::embedding;

/// `torch.nn.Embedding`.
#[derive(Module, Debug)]
pub(crate) struct Embedding {
    /// `[rows, features]`
    pub(crate) weight: Param<Tensor<2>>,
    /// The row that stands for nothing: it gets no gradient.
    #[module(skip)]
    pub(crate) padding: Option<usize>,
}

impl Embedding {
    /// A row for each token, `[batch, length, features]`.
    pub(crate) fn forward(&self, tokens: &Tokens) -> Tensor<3> {
        let [_, features] = self.weight.dims();
        let shape = [tokens.batch(), tokens.length(), features];
        self.rows(tokens.ids()).reshape(shape)
    }

    /// A row for each id, `[ids, features]`.
    pub(crate) fn rows(&self, ids: &Arc<[i64]>) -> Tensor<2> {
        embedding(self.weight.val(), ids, self.padding)
    }
}
