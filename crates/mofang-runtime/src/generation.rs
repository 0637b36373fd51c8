//! Texts that a language model goes on with, token by token.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use mofang_data::text::Tokenizer;
use mofang_data::{GenerationDefaults, RawExample};
use mofang_types::{FinishReason, GeneratedText, GenerationOptions, ModelInput, Sampling};

use crate::sampler::Sampler;
use crate::{Continuation, Predictor, RuntimeError};

/// Most texts at which a text may end.
const STOP_TEXTS_MAX: usize = 16;

/// How a text goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateSettings {
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// Most tokens.
    pub max_tokens: usize,
    /// Texts before which it ends.
    pub stop: Vec<String>,
    /// What the draws are a function of.
    pub seed: u64,
}

impl GenerateSettings {
    /// What a request says, and the decoders of the package where it says nothing; `seed` is that of a request
    /// that says none.
    pub fn new(options: &GenerationOptions, defaults: &GenerationDefaults, seed: u64) -> Self {
        let texts = || defaults.stop.texts.clone();
        Self {
            sampling: options.sampling(defaults.sampling),
            max_tokens: options.max_tokens.unwrap_or(defaults.stop.max_tokens),
            stop: options.stop.clone().unwrap_or_else(texts),
            seed: options.seed.unwrap_or(seed),
        }
    }

    /// Checks that every setting is in its range.
    fn check(&self) -> Result<(), RuntimeError> {
        self.sampling.check()?;
        let invalid = |name, reason| Err(RuntimeError::Setting { name, reason });
        if self.max_tokens == 0 {
            return invalid("max_tokens", "must be at least 1");
        }
        if self.stop.len() > STOP_TEXTS_MAX {
            return invalid("stop", "has more than 16 texts");
        }
        if self.stop.iter().any(String::is_empty) {
            return invalid(
                "stop",
                "has an empty text, which ends everything; leave it out",
            );
        }
        Ok(())
    }
}

impl Predictor {
    /// How texts go on where a request does not say it; none for a model that goes on with none.
    pub fn generation(&self) -> Option<&GenerationDefaults> {
        self.pipeline().generation()
    }

    /// Goes on with a text. `told` gets what is sure of the text as soon as it is, at least once for each token,
    /// though what it gets may be empty; when it breaks, the text ends there, as if it were long enough.
    ///
    /// What is read of a text that is longer than the model takes is its end; when a text becomes longer while it
    /// goes on, half of what the model takes is read again.
    ///
    /// # Errors
    /// When the model is none of text-generation, the text cannot be read, a setting is out of its range, or the
    /// model fails.
    pub fn generate(
        &self,
        prompt: &RawExample,
        settings: &GenerateSettings,
        warnings: &mut Vec<String>,
        told: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<GeneratedText, RuntimeError> {
        settings.check()?;
        let no_language_model = || RuntimeError::NoLanguageModel {
            task: self.manifest().task.to_string(),
        };
        let (Some(defaults), Some(tokenizer), Some(ModelInput::Tokens { length_max, .. })) = (
            self.generation(),
            self.pipeline().tokenizer(),
            self.pipeline().input(),
        ) else {
            return Err(no_language_model());
        };
        let begin = || self.model().continuation().ok_or_else(no_language_model);
        let prompt = self.pipeline().prompt(prompt, warnings)?;
        let mut sampler = Sampler::new(settings.sampling, settings.seed);
        sampler.see(&prompt);
        let ends = ends_of(tokenizer, &defaults.stop.tokens);
        let forbidden = forbidden(tokenizer, &ends);
        let mut reader = Reader {
            length_max,
            ids: prompt.clone(),
            unread: prompt.len(),
            text: begin()?,
            begin: &begin,
        };
        let mut text = tokenizer.text_stream(&prompt);
        let mut writer = Writer::new(&settings.stop, told);
        let mut completion_tokens = 0;
        let mut finish_reason = FinishReason::Length;
        while completion_tokens < settings.max_tokens {
            let id = sampler.choose(&reader.read()?, &forbidden)?;
            completion_tokens += 1;
            if ends.contains(&id) {
                finish_reason = FinishReason::Stop;
                break;
            }
            sampler.see(&[id]);
            reader.add(id);
            match writer.write(&text.push(id)?) {
                Written::GoesOn => {}
                Written::Stopped => {
                    finish_reason = FinishReason::Stop;
                    break;
                }
                Written::Left => break,
            }
        }
        let rest = text.finish()?;
        Ok(GeneratedText {
            text: writer.finish(&rest),
            finish_reason,
            prompt_tokens: prompt.len(),
            completion_tokens,
        })
    }
}

/// Ids that end a text: that of its end, that of the beginning of another, and those that the package names.
fn ends_of(tokenizer: &Tokenizer, named: &[String]) -> BTreeSet<u32> {
    let beginning = tokenizer.beginning().iter().copied();
    let named = named
        .iter()
        .filter_map(|token| tokenizer.token_to_id(token));
    beginning.chain(tokenizer.end_id()).chain(named).collect()
}

/// Ids that stand for no text and end none.
fn forbidden(tokenizer: &Tokenizer, ends: &BTreeSet<u32>) -> BTreeSet<u32> {
    tokenizer
        .textless_ids()
        .filter(|id| !ends.contains(id))
        .collect()
}

/// Feeds a model the tokens that it has not read yet.
struct Reader<'a, 'b> {
    length_max: usize,
    ids: Vec<u32>,
    /// How many of the last ids are not read.
    unread: usize,
    text: Box<dyn Continuation + 'a>,
    begin: &'b dyn Fn() -> Result<Box<dyn Continuation + 'a>, RuntimeError>,
}

impl Reader<'_, '_> {
    fn add(&mut self, id: u32) {
        self.ids.push(id);
        self.unread += 1;
    }

    /// Logits of the token behind all of them.
    fn read(&mut self) -> Result<Vec<f32>, RuntimeError> {
        if self.text.length() + self.unread > self.length_max {
            self.text = (self.begin)()?;
            // Half, so that not every further token has all before it read again.
            let kept = self.length_max.div_ceil(2).min(self.ids.len());
            self.ids.drain(..self.ids.len() - kept);
            self.unread = kept;
        }
        let first = self.ids.len() - self.unread;
        let logits = self.text.read(self.ids.get(first..).unwrap_or_default())?;
        self.unread = 0;
        Ok(logits)
    }
}

/// What became of a piece of text.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    GoesOn,
    /// One of the texts at which it ends came up.
    Stopped,
    /// Nobody listens any more.
    Left,
}

/// Tells what is sure of a text: not what may be the beginning of a text at which it ends.
struct Writer<'a> {
    stop: &'a [String],
    told: &'a mut dyn FnMut(&str) -> ControlFlow<()>,
    text: String,
    /// Bytes of the text that are told.
    sure: usize,
    is_stopped: bool,
}

impl<'a> Writer<'a> {
    fn new(stop: &'a [String], told: &'a mut dyn FnMut(&str) -> ControlFlow<()>) -> Self {
        Self {
            stop,
            told,
            text: String::new(),
            sure: 0,
            is_stopped: false,
        }
    }

    fn write(&mut self, piece: &str) -> Written {
        self.text.push_str(piece);
        let untold = self.text.get(self.sure..).unwrap_or_default();
        let found = self.stop.iter().filter_map(|stop| untold.find(stop)).min();
        if let Some(at) = found {
            self.text.truncate(self.sure + at);
            self.is_stopped = true;
            let _ = self.tell(self.text.len());
            return Written::Stopped;
        }
        let held = self
            .stop
            .iter()
            .map(|stop| overlap(untold, stop))
            .max()
            .unwrap_or(0);
        match self.tell(self.text.len() - held) {
            ControlFlow::Continue(()) => Written::GoesOn,
            ControlFlow::Break(()) => Written::Left,
        }
    }

    fn tell(&mut self, end: usize) -> ControlFlow<()> {
        let piece = self.text.get(self.sure..end).unwrap_or_default();
        let answer = (self.told)(piece);
        self.sure = end;
        answer
    }

    /// The whole text, with what was held back.
    fn finish(mut self, rest: &str) -> String {
        if !self.is_stopped {
            self.text.push_str(rest);
            if self.sure < self.text.len() {
                let _ = self.tell(self.text.len());
            }
        }
        self.text
    }
}

/// Bytes of the longest end of `text` that `stop` begins with.
fn overlap(text: &str, stop: &str) -> usize {
    // However long the stop is, no more of it can be there than there is text.
    let starts = stop.char_indices().map(|(at, _)| at);
    starts
        .take_while(|at| *at <= text.len())
        .filter(|at| stop.get(..*at).is_some_and(|start| text.ends_with(start)))
        .last()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use mofang_types::{Coded as _, ErrorCode};

    use super::*;

    /// What is told of pieces, one by one, and the whole text.
    fn told(pieces: &[&str], stop: &[&str]) -> (Vec<String>, String) {
        let stop: Vec<String> = stop.iter().map(|stop| (*stop).to_owned()).collect();
        let mut heard = Vec::new();
        let mut listen = |piece: &str| {
            heard.push(piece.to_owned());
            ControlFlow::Continue(())
        };
        let mut writer = Writer::new(&stop, &mut listen);
        for piece in pieces {
            if writer.write(piece) == Written::Stopped {
                break;
            }
        }
        let whole = writer.finish("");
        (heard, whole)
    }

    #[test]
    fn a_setting_out_of_its_range_is_named() {
        let good = GenerateSettings {
            sampling: Sampling::default(),
            max_tokens: 1,
            stop: vec!["a".to_owned(); STOP_TEXTS_MAX],
            seed: 0,
        };
        assert!(good.check().is_ok());
        let no_tokens = GenerateSettings {
            max_tokens: 0,
            ..good.clone()
        };
        let many_stops = GenerateSettings {
            stop: vec!["a".to_owned(); STOP_TEXTS_MAX + 1],
            ..good.clone()
        };
        let empty_stop = GenerateSettings {
            stop: vec![String::new()],
            ..good.clone()
        };
        let cold = GenerateSettings {
            sampling: Sampling {
                temperature: -1.0,
                ..Sampling::default()
            },
            ..good
        };
        for (settings, name) in [
            (no_tokens, "max_tokens"),
            (many_stops, "stop"),
            (empty_stop, "stop"),
            (cold, "temperature"),
        ] {
            let error = settings.check().unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidInput);
            assert_eq!(error.parameter(), Some(name));
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }

    #[test]
    fn what_may_be_the_beginning_of_an_end_is_held_back() {
        let (heard, whole) = told(&["one", " E", "N", "C END", "after"], &["END"]);
        assert_eq!(heard, ["one", " ", "", "ENC "]);
        assert_eq!(whole, "one ENC ");
        // What was held back is told when the text ends without it.
        let (heard, whole) = told(&["a", "EN"], &["END", "ENOUGH"]);
        assert_eq!(heard, ["a", "", "EN"]);
        assert_eq!(whole, "aEN");
    }

    #[test]
    fn the_first_of_several_ends_counts_and_characters_stay_whole() {
        let (_, whole) = told(&["天地玄黃，宇宙。洪荒"], &["宙", "，"]);
        assert_eq!(whole, "天地玄黃");
        assert_eq!(overlap("天地", "地玄"), "地".len());
        assert_eq!(overlap("aab", "b"), 0);
        assert_eq!(overlap("aba", "ababab"), 3);
    }
}
