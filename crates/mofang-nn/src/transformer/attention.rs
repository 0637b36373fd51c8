//! Attention of the tokens of each text to each other.

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::Tokens;
use crate::kernels::{AttentionShape, Heads, attention};
use crate::layers::{Dropout, Pass};

/// Which tokens of a batch are read, and how many there are.
#[derive(Debug, Clone)]
pub(crate) struct KeyMask {
    pub(crate) batch: usize,
    pub(crate) length: usize,
    /// `[batch, length]`; none where all are read.
    pub(crate) valid: Option<Arc<[bool]>>,
}

impl KeyMask {
    /// All tokens but the padding.
    pub(crate) fn of(tokens: &Tokens) -> Self {
        let valid = tokens.valid();
        let has_padding = valid.iter().any(|valid| !valid);
        Self {
            batch: tokens.batch(),
            length: tokens.length(),
            valid: has_padding.then(|| valid.into()),
        }
    }
}

/// Each token's query meets the keys of its text: rows of `heads` times the features of a head, of the three
/// and of what comes out. The queries may be those of some tokens, as many of each text. Dropout takes shares of keys
/// away.
pub(crate) fn attend(
    [query, key, value]: [Tensor<2>; 3],
    mask: &KeyMask,
    heads: usize,
    dropout: &Dropout,
    pass: Pass,
) -> Tensor<2> {
    let [queries, width] = query.dims();
    let heads = Heads {
        shape: AttentionShape {
            batch: mask.batch,
            heads,
            key_heads: heads,
            queries: queries / mask.batch.max(1),
            keys: mask.length,
            features: width / heads.max(1),
        },
        causal: None,
        valid: mask.valid.clone(),
    };
    let drop = |shares| dropout.forward(shares, pass);
    let is_dropped = matches!(pass, Pass::Training { .. }) && dropout.probability > 0.0;
    attention(query, key, value, &heads, is_dropped.then_some(&drop))
}
