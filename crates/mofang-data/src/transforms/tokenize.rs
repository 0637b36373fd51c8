//! `tokenize`: a text becomes the ids of its tokens.

use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::text::{Template, TokenizerModel, TrainTokenizer};

/// Most tokens that a vocabulary may be asked to have.
const VOCABULARY_SIZE_MAX: usize = 1 << 20;

/// Cuts a text by a tokenizer: one that is trained on the training split (`model`), or one that is
/// there already (`from`). Either way it is `tokenizer.json` in the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokenize {
    /// How a tokenizer that is trained cuts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<TokenizerModel>,
    /// A `tokenizer.json` by its path, or a version (`encoder@1`) whose package has one; whoever starts
    /// the run reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Most tokens of a tokenizer that is trained, special ones included.
    #[serde(default = "default_vocabulary_size")]
    pub vocabulary_size: usize,
    /// How often a character, word or pair has to stand in the training texts to become a token.
    #[serde(default = "default_min_frequency")]
    pub min_frequency: u64,
    /// Whether the tokenizer's special tokens stand around a text, as `[CLS]` and `[SEP]` do.
    #[serde(default)]
    pub add_special_tokens: bool,
}

fn default_vocabulary_size() -> usize {
    8192
}

fn default_min_frequency() -> u64 {
    2
}

impl Tokenize {
    /// By a tokenizer that is there already, with its special tokens around every text.
    pub fn taken_from(from: &str) -> Self {
        Self {
            model: None,
            from: Some(from.to_owned()),
            vocabulary_size: default_vocabulary_size(),
            min_frequency: default_min_frequency(),
            add_special_tokens: true,
        }
    }

    /// How a tokenizer is to be trained; none where it is there already.
    pub(crate) fn training(&self, template: Template) -> Option<TrainTokenizer> {
        self.model.map(|model| TrainTokenizer {
            model,
            vocabulary_size: self.vocabulary_size,
            min_frequency: self.min_frequency,
            template,
        })
    }

    pub(crate) fn check(&self) -> Result<(), DataError> {
        let invalid =
            |reason: String| Err(DataError::InvalidPipeline(format!("`tokenize`: {reason}")));
        let Some(model) = self.model else {
            return match &self.from {
                Some(_) => Ok(()),
                None => invalid(
                    "give `model`, to train a tokenizer (bpe, characters, words or wordpiece), or `from`, \
                     a tokenizer.json or a version whose package has one"
                        .to_owned(),
                ),
            };
        };
        if self.from.is_some() {
            return invalid(
                "`model` trains a tokenizer and `from` takes one; give one of them".to_owned(),
            );
        }
        let least = model.vocabulary_size_min();
        if !(least..=VOCABULARY_SIZE_MAX).contains(&self.vocabulary_size) {
            return invalid(format!(
                "vocabulary_size = {} is not in {least}..={VOCABULARY_SIZE_MAX}",
                self.vocabulary_size
            ));
        }
        if self.min_frequency == 0 {
            return invalid("min_frequency must be at least 1".to_owned());
        }
        Ok(())
    }
}
