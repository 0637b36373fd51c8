//! The body of a request for completions.

use mofang_types::GenerationOptions;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::texts::texts;
use super::{check_nothing, is_zero};
use crate::ApiError;

/// Tokens of a text whose request does not say how many: the protocol's own default.
const MAX_TOKENS_DEFAULT: usize = 16;

/// A request for completions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OpenAiCompletionRequest)]
pub(crate) struct CompletionRequest {
    /// The model: `tale`, `tale@production`, `tale:3`.
    #[schema(example = "tale")]
    pub(super) model: String,
    /// The text to go on with, or a list of texts; ids of tokens are not read.
    #[schema(value_type = Object, example = "Once upon a time")]
    prompt: Value,
    /// Most tokens of each text; 16 when absent.
    #[serde(default)]
    max_tokens: Option<usize>,
    /// What the logits are divided by; the package's own when absent.
    #[serde(default)]
    temperature: Option<f64>,
    /// The probability of the tokens that may be chosen; the package's own when absent.
    #[serde(default)]
    top_p: Option<f64>,
    /// How many texts each prompt gets.
    #[serde(default)]
    n: Option<usize>,
    /// A text before which it ends, or a list of at most 16.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    stop: Option<Value>,
    /// What the draws are a function of; the next text of the same prompt takes the next number.
    #[serde(default)]
    seed: Option<i64>,
    /// Whether the texts come piece by piece, as server-sent events.
    #[serde(default)]
    stream: Option<bool>,
    /// What is told beside the pieces.
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    /// Whether each text begins with its prompt.
    #[serde(default)]
    echo: Option<bool>,
    /// Not read.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "clients may say for whom they ask, and nobody here asks it"
    )]
    user: Option<String>,
    /// How many of the most probable tokens may be chosen; not in OpenAI's own interface, as the next two.
    #[serde(default)]
    top_k: Option<usize>,
    /// How probable a token has to be, as a fraction of the most probable one.
    #[serde(default)]
    min_p: Option<f64>,
    /// What makes tokens less probable that were there already.
    #[serde(default)]
    repetition_penalty: Option<f64>,
    /// Not implemented; 0 or absent.
    #[serde(default)]
    presence_penalty: Option<f64>,
    /// Not implemented; 0 or absent.
    #[serde(default)]
    frequency_penalty: Option<f64>,
    /// Not implemented; empty or absent.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    logit_bias: Option<Map<String, Value>>,
    /// Not implemented; absent.
    #[serde(default)]
    logprobs: Option<u32>,
    /// Not implemented; 1 or absent.
    #[serde(default)]
    best_of: Option<usize>,
    /// Not implemented; empty or absent.
    #[serde(default)]
    suffix: Option<String>,
}

/// What is told beside the pieces of a stream.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OpenAiStreamOptions)]
pub(crate) struct StreamOptions {
    /// Whether a last chunk without choices tells how many tokens there were.
    #[serde(default)]
    include_usage: Option<bool>,
    /// Not read: nothing is told beside the pieces to hide their lengths.
    #[serde(default)]
    #[expect(dead_code, reason = "clients may say no to what there is not")]
    include_obfuscation: Option<bool>,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Asked {
    prompts: Vec<String>,
    /// How many texts each prompt gets.
    count: usize,
    options: GenerationOptions,
    /// What the draws of the first text of each prompt are a function of.
    seed: Option<u64>,
    /// Whether each text begins with its prompt.
    pub(super) echo: bool,
    pub(super) stream: bool,
    /// Whether a stream tells how many tokens there were.
    pub(super) include_usage: bool,
}

/// One of the texts that are asked for.
#[derive(Debug)]
pub(super) struct AskedText {
    pub(super) prompt: String,
    pub(super) options: GenerationOptions,
    /// Whether no text before it has the same prompt.
    pub(super) is_first: bool,
}

impl CompletionRequest {
    /// Checks what a request asks for: at most so many texts, with so many bytes of prompts repeated in them.
    ///
    /// # Errors
    /// When it asks for what is not implemented, or for too much; the error names the parameter.
    pub(super) fn into_asked(
        self,
        texts_max: usize,
        echo_bytes_max: usize,
    ) -> Result<Asked, ApiError> {
        self.check_implemented()?;
        let prompts = texts(self.prompt, "prompt")?;
        let count = self.n.unwrap_or(1);
        let all = prompts.len().saturating_mul(count);
        if all == 0 || all > texts_max {
            let parameter = if prompts.is_empty() || count == 1 {
                "prompt"
            } else {
                "n"
            };
            return Err(ApiError::invalid(format!(
                "the request asks for {all} texts, 1 to {texts_max} are accepted"
            ))
            .about(parameter));
        }
        let echo = self.echo.unwrap_or(false);
        let prompt_bytes: usize = prompts.iter().map(String::len).sum();
        let echo_bytes = prompt_bytes.saturating_mul(count);
        if echo && echo_bytes > echo_bytes_max {
            return Err(ApiError::invalid(format!(
                "the texts would repeat {echo_bytes} bytes of their prompts, at most {echo_bytes_max} are repeated; \
                 leave out echo, or ask for fewer texts"
            ))
            .about("echo"));
        }
        let stream = self.stream.unwrap_or(false);
        if self.stream_options.is_some() && !stream {
            return Err(ApiError::invalid(
                "stream_options belongs to a request with \"stream\": true",
            )
            .about("stream_options"));
        }
        Ok(Asked {
            prompts,
            count,
            options: GenerationOptions {
                temperature: self.temperature,
                top_k: self.top_k,
                top_p: self.top_p,
                min_p: self.min_p,
                repetition_penalty: self.repetition_penalty,
                max_tokens: Some(self.max_tokens.unwrap_or(MAX_TOKENS_DEFAULT)),
                stop: self.stop.map(|stop| texts(stop, "stop")).transpose()?,
                seed: None,
            },
            seed: self.seed.map(i64::cast_unsigned),
            echo,
            stream,
            include_usage: self
                .stream_options
                .and_then(|options| options.include_usage)
                .unwrap_or(false),
        })
    }

    fn check_implemented(&self) -> Result<(), ApiError> {
        let is_neutral = |number: Option<f64>| number.is_none_or(is_zero);
        for (parameter, asks_for_nothing) in [
            ("presence_penalty", is_neutral(self.presence_penalty)),
            ("frequency_penalty", is_neutral(self.frequency_penalty)),
            (
                "logit_bias",
                self.logit_bias.as_ref().is_none_or(Map::is_empty),
            ),
            ("logprobs", self.logprobs.is_none()),
            ("best_of", self.best_of.is_none_or(|count| count == 1)),
            ("suffix", self.suffix.as_deref().is_none_or(str::is_empty)),
        ] {
            check_nothing(parameter, asks_for_nothing)?;
        }
        Ok(())
    }
}

impl Asked {
    /// How many texts are asked for.
    pub(super) fn texts(&self) -> usize {
        self.prompts.len() * self.count
    }

    /// The text with this place among all of them: those of the first prompt come first. `seed` is that of a
    /// request that names none.
    pub(super) fn text(&self, index: usize, seed: u64) -> Option<AskedText> {
        let prompt = self.prompts.get(index.checked_div(self.count)?)?.clone();
        let place = index % self.count;
        let first = self.seed.unwrap_or(seed);
        let options = GenerationOptions {
            seed: Some(first.wrapping_add(place as u64)),
            ..self.options.clone()
        };
        Some(AskedText {
            prompt,
            options,
            is_first: place == 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(fields: &Value) -> Result<Asked, ApiError> {
        let mut body = json!({ "model": "tale", "prompt": "a" });
        if let (Some(body), Some(fields)) = (body.as_object_mut(), fields.as_object()) {
            body.extend(fields.clone());
        }
        serde_json::from_value::<CompletionRequest>(body)
            .unwrap()
            .into_asked(8, 32)
    }

    #[test]
    fn what_asks_for_nothing_may_be_there() {
        let neutral = json!({
            "presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}, "logprobs": null,
            "best_of": 1, "suffix": "", "user": "ada", "stop": null, "n": null, "stream": false,
        });
        let asked = asked(&neutral).unwrap();
        assert_eq!(asked.texts(), 1);
        assert_eq!(asked.options.max_tokens, Some(16));
        assert_eq!(asked.options.stop, None);
    }

    #[test]
    fn what_is_not_implemented_or_too_much_is_named() {
        for (fields, parameter) in [
            (json!({ "presence_penalty": 0.5 }), "presence_penalty"),
            (json!({ "frequency_penalty": -1 }), "frequency_penalty"),
            (json!({ "logit_bias": { "50256": -100 } }), "logit_bias"),
            (json!({ "logprobs": 0 }), "logprobs"),
            (json!({ "best_of": 2 }), "best_of"),
            (json!({ "suffix": "b" }), "suffix"),
            (json!({ "n": 0 }), "n"),
            (json!({ "n": 9 }), "n"),
            (json!({ "prompt": [] }), "prompt"),
            (json!({ "prompt": [1, 2] }), "prompt"),
            (json!({ "stop": [3] }), "stop"),
            (
                json!({ "stream_options": { "include_usage": true } }),
                "stream_options",
            ),
        ] {
            let error = asked(&fields).unwrap_err();
            assert_eq!(error.parameter, Some(parameter), "{fields}");
            assert_eq!(error.code(), "invalid_input");
        }
    }

    #[test]
    fn what_is_repeated_of_the_prompts_has_a_bound() {
        let texts = |n: usize, echo: bool| {
            let asked = asked(&json!({ "prompt": "8 bytes.", "n": n, "echo": echo }));
            asked.map(|asked| asked.texts())
        };
        assert_eq!(texts(4, true).unwrap(), 4);
        assert_eq!(texts(5, false).unwrap(), 5);
        let error = texts(5, true).unwrap_err();
        assert_eq!(error.parameter, Some("echo"));
        assert!(error.detail.contains("40 bytes"), "{}", error.detail);
    }

    #[test]
    fn each_text_of_a_prompt_has_a_seed_of_its_own() {
        let asked =
            asked(&json!({ "prompt": ["a", "b"], "n": 2, "seed": 5, "stop": "c" })).unwrap();
        let all: Vec<_> = (0..asked.texts())
            .filter_map(|index| asked.text(index, 99))
            .map(|text| (text.prompt, text.options.seed, text.is_first))
            .collect();
        let expected = [
            ("a", 5, true),
            ("a", 6, false),
            ("b", 5, true),
            ("b", 6, false),
        ];
        assert_eq!(
            all,
            expected.map(|(prompt, seed, is_first)| (prompt.to_owned(), Some(seed), is_first))
        );
        assert!(asked.text(4, 99).is_none());
        assert_eq!(asked.options.stop, Some(vec!["c".to_owned()]));
    }
}
