//! What encoders have in common, under the names of transformers' BERT and `ViT`.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{KeyMask, attend};
use crate::NnError;
use crate::builder::Builder;
use crate::initializer::Initializer;
use crate::layers::{Dropout, Linear, Pass};

/// Most layers.
const LAYERS_MAX: usize = 256;

/// That an encoder can have these sizes.
pub(super) fn check_encoder(
    architecture: &'static str,
    hidden: usize,
    heads: usize,
    layers: usize,
) -> Result<(), NnError> {
    let invalid = |reason: String| {
        Err(NnError::InvalidOption {
            architecture,
            reason,
        })
    };
    if heads == 0 || hidden == 0 || !hidden.is_multiple_of(heads) {
        return invalid(format!(
            "a hidden_size of {hidden} is no multiple of {heads} attention heads"
        ));
    }
    if layers == 0 || layers > LAYERS_MAX {
        return invalid(format!("{layers} layers are not from 1 to {LAYERS_MAX}"));
    }
    Ok(())
}

/// A linear layer with the initial values of encoders.
pub(super) fn dense(
    builder: &mut Builder<'_>,
    features_in: usize,
    features_out: usize,
) -> Result<Linear, NnError> {
    let normal = Initializer::Normal(0.02);
    let zeros = Some(Initializer::Constant(0.0));
    builder.linear_of(features_in, features_out, normal, zeros)
}

/// Queries, keys and values of the same rows.
#[derive(Module, Debug)]
pub(crate) struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    dropout: Dropout,
    #[module(skip)]
    heads: usize,
}

impl SelfAttention {
    /// Fresh ones for rows of `hidden` values, with the probability of a dropout of what is attended to.
    pub(super) fn new(
        builder: &mut Builder<'_>,
        hidden: usize,
        heads: usize,
        probability: f64,
    ) -> Result<Self, NnError> {
        Ok(Self {
            query: dense(builder, hidden, hidden)?,
            key: dense(builder, hidden, hidden)?,
            value: dense(builder, hidden, hidden)?,
            dropout: builder.dropout_of(probability)?,
            heads,
        })
    }

    /// `[batch · length, hidden]` of the same shape.
    pub(super) fn forward(&self, input: &Tensor<2>, mask: &KeyMask, pass: Pass) -> Tensor<2> {
        let rows = [&self.query, &self.key, &self.value].map(|linear| linear.rows(input.clone()));
        attend(rows, mask, self.heads, &self.dropout, pass)
    }
}
