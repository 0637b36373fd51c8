//! What decoders have in common: tokens that see those before them, and the text that goes on.

use std::sync::Arc;

use burn::tensor::Tensor;
use mofang_types::ModelInput;

use super::Memory;
use crate::kernels::{AttentionShape, Heads, attention};
use crate::layers::Pass;
use crate::sequence::last_rows;
use crate::{Network, NetworkSpec, NnError, Tokens, tensor_from_burn};

/// A language model: for each token of a text how probable each token is behind it.
pub(crate) trait Decoder {
    /// The row of each token behind the last normalization, `[batch · length, features]`. With a memory, of one
    /// text that goes on.
    fn rows(&self, tokens: &Tokens, pass: Pass, memory: Option<&mut Memory>) -> Tensor<2>;

    /// Logits of the token behind each of such rows, `[rows, vocabulary]`: for a large vocabulary as dear as many
    /// blocks, so that only the rows go in that are asked for.
    fn logits(&self, rows: Tensor<2>) -> Tensor<2>;

    /// Most tokens of a text.
    fn positions(&self) -> usize;

    /// Logits of the token behind each text, `[batch, vocabulary]`.
    fn forward(&self, tokens: &Tokens, pass: Pass) -> Tensor<2> {
        let rows = self.rows(tokens, pass, None);
        let [_, features] = rows.dims();
        let steps = rows.reshape([tokens.batch(), tokens.length(), features]);
        self.logits(last_rows(steps, &tokens.lengths()))
    }
}

/// Heads of an attention, where several of queries may share one of keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadCounts {
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    /// Values of a head.
    pub(crate) features: usize,
}

/// Each token's query meets the keys of its text up to its own, so that none of a text's meets the padding
/// behind it: no key is masked, and a token that is the padding's too, such as GPT-2's end of a text, counts
/// within one. `memory` has the keys and values of a layer that were read before.
pub(crate) fn attend_causally(
    [query, key, value]: [Tensor<2>; 3],
    [batch, length]: [usize; 2],
    heads: HeadCounts,
    memory: Option<(&mut Memory, usize)>,
) -> Tensor<2> {
    let (first, [key, value]) = match memory {
        None => (0, [key, value]),
        Some((memory, layer)) => (memory.length(), memory.extend(layer, [key, value])),
    };
    let heads = Heads {
        shape: AttentionShape {
            batch,
            heads: heads.queries,
            key_heads: heads.keys,
            queries: length,
            keys: first + length,
            features: heads.features,
        },
        causal: Some(first),
        valid: None,
    };
    attention(query, key, value, &heads, None)
}

/// A text that a language model goes on with. What it has read is kept, so that a further token costs as much
/// as one.
#[derive(Debug, Clone)]
pub struct Continuation<'a> {
    network: &'a Network,
    memory: Memory,
}

impl<'a> Continuation<'a> {
    pub(crate) fn new(network: &'a Network) -> Self {
        Self {
            network,
            memory: Memory::default(),
        }
    }

    /// Tokens that have been read.
    pub fn length(&self) -> usize {
        self.memory.length()
    }

    /// Reads further tokens, and gives the logits of the one behind them.
    ///
    /// # Errors
    /// When there is none, one is not in the vocabulary, or the text becomes longer than the network takes;
    /// nothing is read then. When the device fails.
    pub fn read(&mut self, ids: &[u32]) -> Result<Vec<f32>, NnError> {
        let (Some(decoder), vocabulary_size) = self.network.decoder() else {
            return Err(NnError::InvalidSpec("it is no language model".to_owned()));
        };
        let length = self.length().saturating_add(ids.len());
        if ids.is_empty() || length > decoder.positions() {
            return Err(NnError::InputValue(format!(
                "a text of {length} tokens, {} of them new; it has from 1 to {}",
                ids.len(),
                decoder.positions()
            )));
        }
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary_size) {
            return Err(NnError::InputValue(format!(
                "{id} is not the id of a token: a whole number from 0 to {}",
                vocabulary_size.saturating_sub(1)
            )));
        }
        let tokens: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
        let tokens = Tokens::new(tokens, [1, ids.len()], usize::MAX);
        let rows = decoder.rows(&tokens, Pass::Evaluation, Some(&mut self.memory));
        self.memory.advance(ids.len());
        let last = rows.narrow(0, ids.len() - 1, 1);
        Ok(tensor_from_burn(decoder.logits(last))?.into_data())
    }
}

/// `first`, `first + 1`, … for each text.
pub(crate) fn positions(first: usize, batch: usize, length: usize) -> Arc<[i64]> {
    let first = i64::try_from(first).unwrap_or(i64::MAX);
    let one: Vec<i64> = (first..).take(length).collect();
    one.repeat(batch).into()
}

/// That a language model of so many positions takes the texts and gives a number for each token.
pub(super) fn check_language_model(
    architecture: &'static str,
    spec: &NetworkSpec,
    vocabulary_size: usize,
    positions: usize,
) -> Result<(), NnError> {
    if let ModelInput::Tokens { length_max, .. } = spec.input
        && length_max > positions
    {
        return Err(NnError::InvalidOption {
            architecture,
            reason: format!(
                "texts have up to {length_max} tokens, and there are {positions} positions; truncate \
                 to that in the pipeline"
            ),
        });
    }
    if spec.outputs == vocabulary_size {
        return Ok(());
    }
    Err(NnError::InvalidOption {
        architecture,
        reason: format!(
            "a language model has an output for each of the {vocabulary_size} tokens, not {}",
            spec.outputs
        ),
    })
}
