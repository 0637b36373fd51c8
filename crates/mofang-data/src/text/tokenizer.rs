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

/// Names of the token behind a text, for tokenizers that put none there themselves.
const END_TOKENS: [&str; 5] = ["<|endoftext|>", "</s>", "<eos>", "[EOS]", "[SEP]"];

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
    /// Ids between those of tokens that no token has.
    unused: Vec<u32>,
    /// Ids that the tokenizer puts before a text.
    beginning: Vec<u32>,
    end_id: Option<u32>,
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
        let used: BTreeSet<u32> = inner.get_vocab(true).into_values().collect();
        let vocabulary_size = used.last().map_or(0, |id| *id as usize + 1);
        if vocabulary_size == 0 || vocabulary_size > VOCABULARY_SIZE_MAX {
            return Err(malformed(format!(
                "it has {vocabulary_size} tokens; 1 to {VOCABULARY_SIZE_MAX} can be used"
            )));
        }
        let (beginning, behind) = special_around(&inner);
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
            unused: (0..)
                .take(vocabulary_size)
                .filter(|id| !used.contains(id))
                .collect(),
            beginning,
            end_id: behind.or_else(|| find(&END_TOKENS)),
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

    /// Ids that stand for no text that could be told: the special ones, that of the unknown token, and those
    /// that no token has.
    pub fn textless_ids(&self) -> impl Iterator<Item = u32> {
        let special = self.special.iter().chain(&self.unused);
        special.copied().chain(self.unknown_id)
    }

    /// Ids that the tokenizer puts before a text, such as that of `<s>`; mostly none.
    pub fn beginning(&self) -> &[u32] {
        &self.beginning
    }

    /// The id behind a text, such as that of `<|endoftext|>`, where there is one.
    pub fn end_id(&self) -> Option<u32> {
        self.end_id
    }

    /// The id of a token.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The token of an id.
    pub fn id_to_token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
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

    /// All ids of a text of any length, without special tokens around it. It is cut at ends of lines before,
    /// where it is long, so that no more than a part of it is in the making at a time.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub(crate) fn encode_long(&self, text: &str) -> Result<Vec<u32>, DataError> {
        let mut ids = Vec::new();
        for part in parts_of(text) {
            let encoding = self
                .inner
                .encode_fast(part, false)
                .map_err(|error| DataError::UnreadableText(error.to_string()))?;
            ids.extend_from_slice(encoding.get_ids());
        }
        Ok(ids)
    }

    /// A text that is put together token by token, behind tokens of a text that is known.
    pub fn text_stream(&self, behind: &[u32]) -> TextStream<'_> {
        let context = behind.len().saturating_sub(CONTEXT_TOKENS);
        let ids = behind.get(context..).unwrap_or_default().to_vec();
        TextStream {
            tokenizer: self,
            known: ids.len(),
            ids,
        }
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

/// What the tokenizer puts before a text, and the first that it puts behind it.
fn special_around(inner: &tokenizers::Tokenizer) -> (Vec<u32>, Option<u32>) {
    let none = (Vec::new(), None);
    let Ok(plain) = inner.encode_fast("a", false) else {
        return none;
    };
    let own = plain.get_ids().to_vec();
    let Ok(whole) = inner.post_process(plain, None, true) else {
        return none;
    };
    let ids = whole.get_ids();
    let Some(first) = own
        .first()
        .and_then(|id| ids.iter().position(|other| other == id))
    else {
        return none;
    };
    let before = ids.get(..first).unwrap_or_default().to_vec();
    (before, ids.get(first + own.len()).copied())
}

/// Bytes of a text from which on it is cut at the next end of a line.
const PART_BYTES: usize = 1 << 16;

/// The parts of a text, cut behind ends of lines with no white space behind them, where no word goes on. The white
/// space before may be other tokens than in the middle of a text, and a tokenizer that puts a space before a text
/// puts one before each part.
pub(super) fn parts_of(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let cut = rest
            .match_indices('\n')
            .map(|(at, _)| at + 1)
            .skip_while(|at| *at < PART_BYTES)
            .find(|at| {
                let next = rest.get(*at..).and_then(|rest| rest.chars().next());
                next.is_some_and(|next| !next.is_whitespace())
            });
        let (part, behind) = rest.split_at(cut.unwrap_or(rest.len()));
        rest = behind;
        Some(part)
    })
}

/// Tokens before a text by which is told how its first token is written: a space, or none.
const CONTEXT_TOKENS: usize = 4;

/// Tokens in a row none of which ends a character, from which on they are told as they are. A character has four
/// at most, and tokens that end within the next are rarely that many.
const UNTOLD_TOKENS_MAX: usize = 64;

/// A text that is put together token by token. A token may be part of a character only, and how one is
/// written may depend on the one before it.
#[derive(Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    /// The last tokens: those whose text is told, as the context of those whose text is not.
    ids: Vec<u32>,
    /// How many of them are told.
    known: usize,
}

impl TextStream<'_> {
    /// What a further token adds to the text; nothing while a character is not whole, unless it never will be.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn push(&mut self, id: u32) -> Result<String, DataError> {
        self.ids.push(id);
        let text = self.untold()?;
        let may_be_whole_later = text.ends_with(char::REPLACEMENT_CHARACTER)
            && self.ids.len() - self.known < UNTOLD_TOKENS_MAX;
        if text.is_empty() || may_be_whole_later {
            return Ok(String::new());
        }
        self.ids.drain(..self.known);
        self.known = self.ids.len();
        Ok(text)
    }

    /// What is left at the end: nothing, or the sign for a character that is not whole.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn finish(self) -> Result<String, DataError> {
        self.untold()
    }

    fn untold(&self) -> Result<String, DataError> {
        let told = self
            .tokenizer
            .decode(self.ids.get(..self.known).unwrap_or_default())?;
        let whole = self.tokenizer.decode(&self.ids)?;
        Ok(whole.get(told.len()..).unwrap_or_default().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_lines() {
        let text = "one two\n\n  three\n".repeat(10_000);
        let parts: Vec<&str> = parts_of(&text).collect();
        assert_eq!(parts.concat(), text);
        assert_eq!(parts.len(), text.len().div_ceil(PART_BYTES));
        assert!(parts.iter().all(|part| part.starts_with("one")));
        // A line alone stays whole.
        assert_eq!(parts_of(&"a".repeat(2 * PART_BYTES)).count(), 1);
    }
}
