//! Networks over sequences: texts as ids of tokens, images row by row, and spectrograms frame by frame. One file per
//! architecture.

mod crnn;
mod pooling;
mod recurrent;
mod text_cnn;

use mofang_types::ModelInput;

use crate::{NetworkSpec, NnError};

pub(crate) use crnn::{Crnn, CrnnBody};
pub(crate) use pooling::{Pooling, last_rows, weighted};
pub(crate) use recurrent::{Recurrent, RecurrentBody};
pub(crate) use text_cnn::{TextCnn, TextCnnBody};

/// Tokens of a text, where weights that are recognized do not tell them.
const LENGTH_USUAL: usize = 512;

/// What a network of texts is built for: the size of the vocabulary and the id of the padding.
pub(crate) fn vocabulary(spec: &NetworkSpec) -> Result<[usize; 2], NnError> {
    match spec.input {
        ModelInput::Tokens {
            vocabulary_size,
            padding_id,
            ..
        } => Ok([vocabulary_size, padding_id]),
        ModelInput::Image { .. } | ModelInput::Row { .. } => Err(spec.takes_other("texts")),
    }
}

/// Texts of the usual length of this vocabulary, which recognized weights are taken to be for.
pub(crate) fn usual_tokens(vocabulary_size: usize) -> ModelInput {
    ModelInput::Tokens {
        vocabulary_size,
        length_max: LENGTH_USUAL,
        padding_id: 0,
    }
}
