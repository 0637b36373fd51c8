//! From a text to the ids of its tokens.
//!
//! The first stage cleans and cuts, which has nothing random in it; augmentations change the ids. The
//! loader fills shorter texts of a batch up.
//!
//! A language model reads texts otherwise: it learns from all of them one after another ([`TokenStream`]), and
//! goes on with the end of one ([`TextFront::prompt`]).

use std::borrow::Cow;

use mofang_types::{ModelInput, Tensor};

use super::front::{Augmenting, Front, Staged};
use crate::augmentations::Tokens;
use crate::text::{TOKENIZER_FILE, Template, Tokenizer, text_of, train_tokenizer};
use crate::transforms::{CleanText, Tokenize, Truncate};
use crate::{DataError, Example, PipelineFiles, Pixels, RawExample, Transform};

/// The transforms of texts.
#[derive(Debug)]
pub(super) struct TextFront {
    cleaning: Vec<CleanText>,
    tokenizer: Tokenizer,
    add_special_tokens: bool,
    length_max: usize,
}

/// The transforms, in the order in which they have to stand.
struct Steps {
    cleaning: Vec<CleanText>,
    tokenize: Tokenize,
    length_max: usize,
}

impl Steps {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "transforms of other domains are no steps of texts, whatever they are"
    )]
    fn of(transforms: &[Transform]) -> Result<Self, DataError> {
        let invalid = |reason: String| Err(DataError::InvalidPipeline(reason));
        let mut cleaning = Vec::new();
        let mut tokenize = None;
        let mut length_max = None;
        for transform in transforms {
            transform.check()?;
            match transform {
                Transform::CleanText(_) if tokenize.is_some() => {
                    return invalid(
                        "`clean_text` stands after `tokenize`; put it before".to_owned(),
                    );
                }
                Transform::CleanText(step) => cleaning.push(step.clone()),
                Transform::Tokenize(step) if tokenize.is_none() => tokenize = Some(step.clone()),
                Transform::Tokenize(_) => return invalid("`tokenize` stands twice".to_owned()),
                Transform::Truncate(_) if tokenize.is_none() => {
                    return invalid(
                        "`truncate` stands before `tokenize`; put it behind".to_owned(),
                    );
                }
                Transform::Truncate(step) if length_max.is_none() => {
                    length_max = Some(step.length_max);
                }
                Transform::Truncate(_) => return invalid("`truncate` stands twice".to_owned()),
                // All steps of a pipeline are of one domain.
                _ => {}
            }
        }
        let Some(tokenize) = tokenize else {
            return invalid("a text needs `tokenize`, which makes ids of it".to_owned());
        };
        Ok(Self {
            cleaning,
            tokenize,
            length_max: length_max.unwrap_or(Truncate::DEFAULT_LENGTH_MAX),
        })
    }
}

/// Checks what can be told without a tokenizer.
pub(super) fn check(transforms: &[Transform]) -> Result<(), DataError> {
    Steps::of(transforms).map(|_| ())
}

/// Finds the tokenizer: trains it on `examples`, or takes it from `given`; it goes into `files`. That of a
/// language model (`is_language`) puts its special tokens elsewhere.
pub(super) fn fit(
    transforms: &[Transform],
    examples: &[Example],
    is_language: bool,
    given: &PipelineFiles,
    files: &mut PipelineFiles,
) -> Result<(), DataError> {
    let steps = Steps::of(transforms)?;
    let template = if is_language {
        Template::Behind
    } else {
        Template::Around
    };
    let bytes = if let Some(training) = steps.tokenize.training(template) {
        let texts = examples
            .iter()
            .map(|example| {
                let text = if is_language {
                    document(&example.input)?
                } else {
                    plain(&example.input)?
                };
                Ok(cleaned(&steps.cleaning, text))
            })
            .collect::<Result<Vec<_>, DataError>>()?;
        train_tokenizer(texts.iter().map(AsRef::as_ref), training)?
    } else {
        let from = steps.tokenize.from.as_deref().unwrap_or_default();
        given.get(TOKENIZER_FILE).cloned().ok_or_else(|| {
            DataError::InvalidPipeline(format!(
                "`tokenize` takes the tokenizer of \"{from}\", which was not given"
            ))
        })?
    };
    files.insert(TOKENIZER_FILE.to_owned(), bytes);
    Ok(())
}

/// The text of an example.
fn plain(example: &RawExample) -> Result<&str, DataError> {
    match example {
        RawExample::Text(text) => text_of(text.as_bytes()),
        RawExample::Encoded(bytes) => text_of(bytes),
        RawExample::Pixels(_) | RawExample::Row(_) | RawExample::Tensor(_) => {
            Err(DataError::WrongInput {
                expected: "texts",
                actual: example.kind(),
            })
        }
    }
}

/// The text of an example that a language model learns from, however long it is.
fn document(example: &RawExample) -> Result<&str, DataError> {
    if let RawExample::Text(text) = example {
        return Ok(text);
    }
    plain(example)
}

/// All tokens of a split, one text after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenStream {
    /// The ids. Where the pipeline adds special tokens, one behind each text tells that it is over.
    pub ids: Vec<u32>,
    /// Bytes of the texts in UTF-8, after cleaning.
    pub bytes: usize,
}

/// The text after cleaning; without steps itself, however long it is.
fn cleaned<'a>(steps: &[CleanText], text: &'a str) -> Cow<'a, str> {
    steps.iter().fold(Cow::Borrowed(text), |text, step| {
        Cow::Owned(step.apply(text.into_owned()))
    })
}

impl TextFront {
    /// Checks the transforms, and takes the tokenizer out of `files`.
    pub(super) fn new(transforms: &[Transform], files: &PipelineFiles) -> Result<Self, DataError> {
        let steps = Steps::of(transforms)?;
        let file = files.get(TOKENIZER_FILE).ok_or_else(|| {
            DataError::InvalidPipeline(format!(
                "`tokenize` needs the file {TOKENIZER_FILE}, which is not there"
            ))
        })?;
        let tokenizer = Tokenizer::from_json(file)?;
        let add_special_tokens = steps.tokenize.add_special_tokens;
        if steps.length_max <= tokenizer.added_tokens(add_special_tokens) {
            return Err(DataError::InvalidPipeline(format!(
                "`truncate`: length_max = {} leaves no room beside the special tokens",
                steps.length_max
            )));
        }
        Ok(Self {
            cleaning: steps.cleaning,
            tokenizer,
            add_special_tokens,
            length_max: steps.length_max,
        })
    }

    /// The tokenizer.
    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// All tokens of some texts, one text after another.
    pub(super) fn stream(&self, examples: &[Example]) -> Result<TokenStream, DataError> {
        let mut stream = TokenStream {
            ids: Vec::new(),
            bytes: 0,
        };
        for example in examples {
            let text = document(&example.input).map_err(|error| error.of_example(&example.id))?;
            let text = cleaned(&self.cleaning, text);
            stream.bytes += text.len();
            if self.add_special_tokens {
                stream.ids.extend_from_slice(self.tokenizer.beginning());
            }
            stream.ids.extend(self.tokenizer.encode_long(&text)?);
            if self.add_special_tokens {
                stream.ids.extend(self.tokenizer.end_id());
            }
        }
        Ok(stream)
    }

    /// The tokens of a text that a language model is to go on with; of more than it reads, the last.
    pub(super) fn prompt(
        &self,
        example: &RawExample,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<u32>, DataError> {
        let text = cleaned(&self.cleaning, plain(example)?);
        let mut ids = Vec::new();
        if self.add_special_tokens {
            ids.extend_from_slice(self.tokenizer.beginning());
            if ids.is_empty() {
                // The end of the text before is the beginning of the next.
                ids.extend(self.tokenizer.end_id());
            }
        }
        let own = self.tokenizer.encode_long(&text)?;
        let room = self.length_max.saturating_sub(ids.len()).max(1);
        if own.len() > room {
            warnings.push(format!(
                "the text has {} tokens; only the last {room} were read",
                own.len()
            ));
        }
        ids.extend_from_slice(
            own.get(own.len().saturating_sub(room)..)
                .unwrap_or_default(),
        );
        if ids.is_empty() {
            return Err(DataError::UnreadableText(
                "it has no token, and the model needs one to go on with; give at least a character, such \
                 as the end of a line"
                    .to_owned(),
            ));
        }
        Ok(ids)
    }
}

impl Front for TextFront {
    fn input(&self) -> Option<ModelInput> {
        Some(ModelInput::Tokens {
            vocabulary_size: self.tokenizer.vocabulary_size(),
            length_max: self.length_max,
            padding_id: self.tokenizer.padding_id() as usize,
        })
    }

    fn stage<'a>(&self, example: &'a RawExample) -> Result<Staged<'a>, DataError> {
        self.stage_noting(example, &mut Vec::new())
    }

    fn stage_noting<'a>(
        &self,
        example: &'a RawExample,
        warnings: &mut Vec<String>,
    ) -> Result<Staged<'a>, DataError> {
        let text = cleaned(&self.cleaning, plain(example)?);
        if text.trim().is_empty() {
            return Err(DataError::UnreadableText(
                "it is empty, or nothing is left of it after cleaning".to_owned(),
            ));
        }
        let encoded = self
            .tokenizer
            .encode(&text, self.add_special_tokens, self.length_max)?;
        if encoded.tokens == 0 {
            return Err(DataError::UnreadableText("it has no token".to_owned()));
        }
        if encoded.kept < encoded.tokens {
            warnings.push(format!(
                "the text has {} tokens; only the first {} were read",
                encoded.tokens, encoded.kept
            ));
        }
        if encoded.unknown == encoded.kept {
            warnings.push("no token of the text is in the vocabulary of the model".to_owned());
        }
        let ids: Vec<f32> = encoded.ids.iter().map(|id| *id as f32).collect();
        let tensor = Tensor::new(vec![ids.len()], ids)
            .map_err(|error| DataError::InvalidSettings(error.to_string()))?;
        Ok(Staged::Values(Cow::Owned(tensor)))
    }

    fn finish(
        &self,
        staged: &Staged<'_>,
        augmenting: Option<Augmenting<'_>>,
        values: &mut Vec<f32>,
        _: &mut Vec<f32>,
    ) -> Result<Vec<usize>, DataError> {
        let Staged::Values(ids) = staged else {
            return Err(DataError::WrongInput {
                expected: "texts",
                actual: "an image",
            });
        };
        let Some((augmentations, randomness)) = augmenting else {
            values.extend_from_slice(ids.data());
            return Ok(ids.shape().to_vec());
        };
        let mut tokens = Tokens {
            ids: ids.data().iter().map(|id| *id as u32).collect(),
            mask_id: self.tokenizer.mask_id(),
            is_special: &|id| self.tokenizer.is_special(id),
        };
        for augmentation in augmentations {
            augmentation.apply_to_tokens(&mut tokens, randomness);
        }
        values.extend(tokens.ids.iter().map(|id| *id as f32));
        Ok(vec![tokens.ids.len()])
    }

    fn check(&self, tensor: &Tensor) -> Result<(), DataError> {
        let [length] = *tensor.shape() else {
            return Err(DataError::WrongShape {
                actual: tensor.shape().to_vec(),
                expected: "the ids of one text, [length]".to_owned(),
            });
        };
        if length == 0 || length > self.length_max {
            return Err(DataError::WrongShape {
                actual: vec![length],
                expected: format!("1 to {} ids", self.length_max),
            });
        }
        let size = self.tokenizer.vocabulary_size();
        let is_id = |value: f32| value >= 0.0 && value.fract() == 0.0 && (value as usize) < size;
        match tensor.data().iter().find(|value| !is_id(**value)) {
            None => Ok(()),
            Some(value) => Err(DataError::InvalidInput(format!(
                "{value} is no id of a token; ids are whole numbers from 0 to {}",
                size.saturating_sub(1)
            ))),
        }
    }

    fn picture(&self, _: &RawExample) -> Result<Option<Pixels>, DataError> {
        Ok(None)
    }

    fn texts(&self) -> Option<&TextFront> {
        Some(self)
    }
}
