//! Trains a tokenizer on texts, and writes it as `tokenizer.json`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokenizers::{
    NormalizedString, Normalizer as _, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer as _,
};

use super::merges::{self, Merges};
use super::tokenizer::parts_of;
use crate::DataError;

/// The tokens that stand for no text, whose ids are their places. Those of a trained tokenizer are
/// always the same.
const SPECIAL_TOKENS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// What stands before the tokens within a word of `WordPiece`.
const WORDPIECE_PREFIX: &str = "##";

/// How a text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenizerModel {
    /// Byte pair encoding over bytes, as GPT-2 has it: nothing is unknown, and every text comes back
    /// exactly.
    Bpe,
    /// Every character is a token: the choice for Chinese and Japanese.
    Characters,
    /// Words, punctuation marks, and every Chinese character.
    Words,
    /// Pieces of words, as BERT has them: those within a word begin with `##`.
    Wordpiece,
}

impl TokenizerModel {
    /// The least vocabulary that makes sense: the special tokens, and for bytes all of them.
    pub(crate) const fn vocabulary_size_min(self) -> usize {
        match self {
            Self::Bpe => SPECIAL_TOKENS.len() + 256,
            Self::Characters | Self::Words | Self::Wordpiece => SPECIAL_TOKENS.len() + 1,
        }
    }
}

/// How a tokenizer is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainTokenizer {
    /// How it cuts.
    pub model: TokenizerModel,
    /// Most tokens, the special ones included.
    pub vocabulary_size: usize,
    /// How often a character, word or pair has to stand in the texts to become a token.
    pub min_frequency: u64,
    /// The special tokens around a text.
    pub template: Template,
}

/// The special tokens that stand around a text, where they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// `[CLS]` before it and `[SEP]` behind it, as BERT has them.
    Around,
    /// `[SEP]` behind it, so that one text follows another, as a language model reads them.
    Behind,
}

/// Trains a tokenizer; gives the bytes of its `tokenizer.json`, which are the same for the same texts
/// in any order.
///
/// # Errors
/// When the texts give no token.
pub fn train_tokenizer<'a>(
    texts: impl Iterator<Item = &'a str>,
    settings: TrainTokenizer,
) -> Result<Vec<u8>, DataError> {
    let TrainTokenizer {
        model,
        vocabulary_size,
        min_frequency,
        template,
    } = settings;
    let room = vocabulary_size.saturating_sub(SPECIAL_TOKENS.len());
    let learned = match model {
        TokenizerModel::Characters => {
            let mut characters = BTreeMap::new();
            for character in texts.flat_map(str::chars) {
                *characters.entry(character.to_string()).or_default() += 1;
            }
            most_frequent(characters, room, min_frequency)
        }
        TokenizerModel::Words => most_frequent(words_of(model, texts)?, room, min_frequency),
        TokenizerModel::Bpe | TokenizerModel::Wordpiece => {
            let words = words_of(model, texts)?;
            let bytes = byte_alphabet();
            let settings = merges::Settings {
                symbols_max: room,
                frequency_min: min_frequency,
                prefix: if model == TokenizerModel::Wordpiece {
                    WORDPIECE_PREFIX
                } else {
                    ""
                },
                alphabet: if model == TokenizerModel::Bpe {
                    &bytes
                } else {
                    &[]
                },
            };
            merges::learn(&words, &settings)
        }
    };
    if learned.symbols.is_empty() {
        return Err(DataError::InvalidPipeline(format!(
            "the training texts have nothing that stands in them min_frequency = {min_frequency} times, \
             so there is no vocabulary"
        )));
    }
    Ok(file(model, template, &learned))
}

/// Words, or characters, that are frequent enough, most frequent first.
fn most_frequent(counts: BTreeMap<String, u64>, room: usize, min_frequency: u64) -> Merges {
    let mut found: Vec<(String, u64)> = counts
        .into_iter()
        .filter(|(_, count)| *count >= min_frequency)
        .collect();
    // Stable, so that equally frequent ones stay sorted by name.
    found.sort_by_key(|(_, count)| Reverse(*count));
    found.truncate(room);
    Merges {
        symbols: found.into_iter().map(|(symbol, _)| symbol).collect(),
        merges: Vec::new(),
    }
}

/// The words of the texts with their counts, cut as the tokenizer will cut them.
fn words_of<'a>(
    model: TokenizerModel,
    texts: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<String, u64>, DataError> {
    let failed = |error: tokenizers::Error| DataError::InvalidPipeline(error.to_string());
    let empty = file(model, Template::Around, &Merges::default());
    let tokenizer = tokenizers::Tokenizer::from_bytes(&empty).map_err(failed)?;
    let mut words = BTreeMap::new();
    // A text in the making takes many times its size.
    for text in texts.flat_map(parts_of) {
        let mut text = NormalizedString::from(text);
        if let Some(normalizer) = tokenizer.get_normalizer() {
            normalizer.normalize(&mut text).map_err(failed)?;
        }
        let mut text = PreTokenizedString::from(text);
        if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut text).map_err(failed)?;
        }
        for (word, _, _) in text.get_splits(OffsetReferential::Original, OffsetType::Byte) {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
    Ok(words)
}

/// The characters that stand for the 256 bytes, sorted.
fn byte_alphabet() -> Vec<String> {
    let mut bytes: Vec<String> = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet()
        .into_iter()
        .map(String::from)
        .collect();
    bytes.sort();
    bytes
}

/// The file of a tokenizer.
fn file(model: TokenizerModel, template: Template, learned: &Merges) -> Vec<u8> {
    let tokens = SPECIAL_TOKENS
        .iter()
        .copied()
        .chain(learned.symbols.iter().map(String::as_str));
    // A text of a dataset may be the name of a special token; the first place is the token's.
    let mut vocabulary = Map::new();
    for (id, token) in tokens.enumerate() {
        vocabulary.entry(token).or_insert_with(|| Value::from(id));
    }
    let merges: Vec<[&str; 2]> = learned
        .merges
        .iter()
        .map(|(left, right)| [left.as_str(), right.as_str()])
        .collect();
    let bpe = |unknown: Value| {
        json!({
            "type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": false, "vocab": vocabulary, "merges": merges,
        })
    };
    // Chinese characters become words of their own. What else is to be done to a text is the pipeline's.
    let normalizer = json!({
        "type": "BertNormalizer", "clean_text": false, "handle_chinese_chars": true,
        "strip_accents": false, "lowercase": false,
    });
    let words = json!({"type": "BertPreTokenizer"});
    let [_, unknown, _, _, _] = SPECIAL_TOKENS;
    let (normalizer, pre_tokenizer, decoder, model) = match model {
        TokenizerModel::Bpe => (
            Value::Null,
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}),
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}),
            bpe(Value::Null),
        ),
        // Without merges every character stays a token, and each unknown one is one too.
        TokenizerModel::Characters => (
            Value::Null,
            Value::Null,
            json!({"type": "Fuse"}),
            bpe(Value::from(unknown)),
        ),
        TokenizerModel::Words => (
            normalizer,
            words,
            Value::Null,
            json!({"type": "WordLevel", "vocab": vocabulary, "unk_token": unknown}),
        ),
        TokenizerModel::Wordpiece => (
            normalizer,
            words,
            json!({"type": "WordPiece", "prefix": WORDPIECE_PREFIX, "cleanup": false}),
            json!({
                "type": "WordPiece", "unk_token": unknown, "max_input_chars_per_word": 100,
                "continuing_subword_prefix": WORDPIECE_PREFIX, "vocab": vocabulary,
            }),
        ),
    };
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens(),
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor(template),
        "decoder": decoder,
        "model": model,
    });
    // Plain values with text keys, which JSON always has a form for.
    serde_json::to_vec(&file).unwrap_or_default()
}

fn added_tokens() -> Vec<Value> {
    let token = |(id, token): (usize, &&str)| {
        json!({
            "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    SPECIAL_TOKENS.iter().enumerate().map(token).collect()
}

fn post_processor(template: Template) -> Value {
    let [_, _, first, last, _] = SPECIAL_TOKENS;
    let special = |token: &str| json!({"SpecialToken": {"id": token, "type_id": 0}});
    let ids = |token: &str, id: usize| json!({"id": token, "ids": [id], "tokens": [token]});
    let text = |name: &str| json!({"Sequence": {"id": name, "type_id": 0}});
    let first_of_all = match template {
        Template::Around => Some(special(first)),
        Template::Behind => None,
    };
    let texts = |texts: &[&str]| -> Vec<Value> {
        let each = texts.iter().flat_map(|name| [text(name), special(last)]);
        first_of_all.iter().cloned().chain(each).collect()
    };
    json!({
        "type": "TemplateProcessing",
        "single": texts(&["A"]),
        "pair": texts(&["A", "B"]),
        "special_tokens": {(first): ids(first, 2), (last): ids(last, 3)},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_long_text_are_those_of_its_lines() {
        let (line, lines) = ("one two, one\n", 20_000);
        let text = line.repeat(lines as usize);
        for model in [TokenizerModel::Bpe, TokenizerModel::Wordpiece] {
            let mut expected = words_of(model, [line].into_iter()).unwrap();
            for count in expected.values_mut() {
                *count *= lines;
            }
            let actual = words_of(model, [text.as_str()].into_iter()).unwrap();
            assert_eq!(actual, expected, "{model:?}");
        }
    }
}
