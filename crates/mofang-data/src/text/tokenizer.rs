//! A tokenizer that is ready to cut texts.

use std::collections::BTreeSet;
use std::fmt;

use tokenizers::{PostProcessor as _, TruncationDirection};

use crate::DataError;

/// Names under which tokenizers keep the token that fills texts up, tried in this order. Models that
/// have none, such as GPT-2, fill up with the token of a text's end.
const PADDING_TOKENS: [&str; 6] = ["[PAD]", "<pad>", "<PAD>", "<|endoftext|>", "</s>", "<eos>"];

/// Names of the token that stands for a hidden one.
const MASK_TOKENS: [&str; 3] = ["[MASK]", "<mask>", "<MASK>"];

/// Names of the token that stands for what is not in the vocabulary.
const UNKNOWN_TOKENS: [&str; 2] = ["[UNK]", "<unk>"];

/// Ids are carried as `f32`, which is exact up to here.
const VOCABULARY_SIZE_MAX: usize = 1 << 24;

/// Cuts texts into tokens, and puts them together again.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    vocabulary_size: usize,
    padding_id: u32,
    unknown_id: Option<u32>,
    mask_id: Option<u32>,
    /// Ids that stand for no text, other than the unknown token.
    special: BTreeSet<u32>,
}

/// A text as ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The ids, special tokens included.
    pub ids: Vec<u32>,
    /// How many tokens the text has by itself, before anything was cut off.
    pub tokens: usize,
    /// How many of them are left.
    pub kept: usize,
    /// How many of those left are not in the vocabulary.
    pub unknown: usize,
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocabulary_size", &self.vocabulary_size)
            .field("padding_id", &self.padding_id)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json`. What it says of truncation and padding is left out: the pipeline and
    /// the loader do both.
    ///
    /// # Errors
    /// When it is no such file, or has no token to fill texts up with.
    pub fn from_json(bytes: &[u8]) -> Result<Self, DataError> {
        let malformed = |reason: String| DataError::malformed(super::TOKENIZER_FILE, reason);
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|error| malformed(format!("it is no tokenizer: {error}")))?;
        let declared = inner.get_padding().map(|padding| padding.pad_id);
        inner
            .with_truncation(None)
            .map_err(|error| malformed(error.to_string()))?;
        inner.with_padding(None);
        // A text that has "[CLS]" in it means these five characters.
        inner.set_encode_special_tokens(true);
        let largest = inner.get_vocab(true).into_values().max();
        let vocabulary_size = largest.map_or(0, |id| id as usize + 1);
        if vocabulary_size == 0 || vocabulary_size > VOCABULARY_SIZE_MAX {
            return Err(malformed(format!(
                "it has {vocabulary_size} tokens; 1 to {VOCABULARY_SIZE_MAX} can be used"
            )));
        }
        let find = |names: &[&str]| names.iter().find_map(|name| inner.token_to_id(name));
        let declared = declared.filter(|id| (*id as usize) < vocabulary_size);
        let padding_id = declared.or_else(|| find(&PADDING_TOKENS)).ok_or_else(|| {
            malformed(format!(
                "it has no token to fill shorter texts up with, such as {}",
                PADDING_TOKENS.join(", ")
            ))
        })?;
        let unknown_id = find(&UNKNOWN_TOKENS);
        let special = inner
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(id, token)| token.special && Some(*id) != unknown_id)
            .map(|(id, _)| id)
            .collect();
        Ok(Self {
            vocabulary_size,
            padding_id,
            unknown_id,
            mask_id: find(&MASK_TOKENS),
            special,
            inner,
        })
    }

    /// How many tokens there are: ids are below it.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    /// The id that fills shorter texts of a batch up.
    pub fn padding_id(&self) -> u32 {
        self.padding_id
    }

    /// The id that hides a token in training: that of a mask, or else of the unknown token, or else of
    /// padding.
    pub fn mask_id(&self) -> u32 {
        self.mask_id.or(self.unknown_id).unwrap_or(self.padding_id)
    }

    /// Whether an id stands for no text.
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    /// The id of a token.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Cuts a text, with the special tokens of the tokenizer around it where `add_special_tokens` is
    /// set. Of more than `length_max` ids in all, the end of the text is cut off.
    ///
    /// # Errors
    /// When the tokenizer fails, or `length_max` leaves no room beside the special tokens.
    pub fn encode(
        &self,
        text: &str,
        add_special_tokens: bool,
        length_max: usize,
    ) -> Result<Encoded, DataError> {
        let failed = |error: tokenizers::Error| DataError::UnreadableText(error.to_string());
        let mut encoding = self.inner.encode_fast(text, false).map_err(failed)?;
        let tokens = encoding.len();
        let room = length_max.saturating_sub(self.added_tokens(add_special_tokens));
        if room == 0 {
            return Err(DataError::InvalidPipeline(format!(
                "length_max = {length_max} leaves no room beside the special tokens"
            )));
        }
        if tokens > room {
            encoding.truncate(room, 0, TruncationDirection::Right);
        }
        let kept = encoding.len();
        let unknown = encoding.get_ids().iter();
        let unknown = unknown.filter(|id| Some(**id) == self.unknown_id).count();
        if add_special_tokens {
            encoding = self
                .inner
                .post_process(encoding, None, true)
                .map_err(failed)?;
        }
        Ok(Encoded {
            ids: encoding.get_ids().to_vec(),
            tokens,
            kept,
            unknown,
        })
    }

    /// How many tokens are put around a text.
    pub(crate) fn added_tokens(&self, add_special_tokens: bool) -> usize {
        let processor = self
            .inner
            .get_post_processor()
            .filter(|_| add_special_tokens);
        processor.map_or(0, |processor| processor.added_tokens(false))
    }

    /// The text of ids, without special tokens.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String, DataError> {
        self.inner
            .decode(ids, true)
            .map_err(|error| DataError::UnreadableText(error.to_string()))
    }
}
