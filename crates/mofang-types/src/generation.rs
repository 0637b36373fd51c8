//! Texts that go on with others: how their tokens are chosen, and what comes out.

use serde::{Deserialize, Serialize};

use crate::{Coded, ErrorCode};

/// How the next token is chosen among those that a language model holds for possible.
///
/// The steps run in this order, as those of transformers do: the penalty, the temperature, the three
/// limits on what may be chosen, and the draw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// What logits are divided by: below 1 the probable becomes surer, above 1 the rare commoner. At 0 the
    /// most probable token is taken, whatever the other numbers say.
    pub temperature: f64,
    /// Only so many of the most probable tokens may be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// Only the most probable tokens that together have this probability: nucleus sampling, Holtzman et al.
    /// 2019, <https://arxiv.org/abs/1904.09751>.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Only tokens that are at least this fraction as probable as the most probable one: Nguyen et al. 2024,
    /// <https://arxiv.org/abs/2407.01082>.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f64>,
    /// What positive logits of tokens that were there already are divided by, and negative ones multiplied:
    /// Keskar et al. 2019, <https://arxiv.org/abs/1909.05858>, section 4.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: None,
            top_p: None,
            min_p: None,
            repetition_penalty: None,
        }
    }
}

/// A number by which no token can be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} = {value} is not {range}")]
pub struct InvalidSampling {
    /// The number.
    pub name: &'static str,
    value: f64,
    range: &'static str,
}

impl Coded for InvalidSampling {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }

    fn parameter(&self) -> Option<&'static str> {
        Some(self.name)
    }
}

/// Hotter than this, nothing that was learned is left.
const TEMPERATURE_MAX: f64 = 100.0;

impl Sampling {
    /// Checks that every number is in its range.
    ///
    /// # Errors
    /// When one is not; the error names it.
    #[expect(clippy::cast_precision_loss, reason = "the number is shown, not used")]
    pub fn check(&self) -> Result<(), InvalidSampling> {
        let invalid = |name, value, range| Err(InvalidSampling { name, value, range });
        if !(0.0..=TEMPERATURE_MAX).contains(&self.temperature) {
            return invalid("temperature", self.temperature, "from 0 to 100");
        }
        if let Some(top_k) = self.top_k.filter(|top_k| *top_k == 0) {
            return invalid("top_k", top_k as f64, "1 or more");
        }
        for (name, value) in [("top_p", self.top_p), ("min_p", self.min_p)] {
            if let Some(value) = value
                && !(value > 0.0 && value <= 1.0)
            {
                return invalid(name, value, "above 0 and at most 1");
            }
        }
        match self.repetition_penalty {
            Some(penalty) if !(penalty > 0.0 && penalty <= 100.0) => {
                invalid("repetition_penalty", penalty, "above 0 and at most 100")
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// How a text shall go on, as far as a request says it; the package says the rest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenerationOptions {
    /// As [`Sampling::temperature`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// As [`Sampling::top_k`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// As [`Sampling::top_p`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// As [`Sampling::min_p`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f64>,
    /// As [`Sampling::repetition_penalty`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f64>,
    /// Most tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// Texts before which it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Vec<String>>,
    /// What the draws are a function of: the same seed gives the same text again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl GenerationOptions {
    /// How the next token is chosen, where `default` is what the package says.
    #[must_use]
    pub fn sampling(&self, default: Sampling) -> Sampling {
        Sampling {
            temperature: self.temperature.unwrap_or(default.temperature),
            top_k: self.top_k.or(default.top_k),
            top_p: self.top_p.or(default.top_p),
            min_p: self.min_p.or(default.min_p),
            repetition_penalty: self.repetition_penalty.or(default.repetition_penalty),
        }
    }
}

/// Why a text ended where it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It had as many tokens as were asked for.
    Length,
    /// The model ended it, or one of the texts came up at which it was to end.
    Stop,
}

impl FinishReason {
    /// The name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Stop => "stop",
        }
    }
}

/// A text that goes on with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratedText {
    /// What comes behind the text that was given.
    pub text: String,
    /// Why it ends there.
    pub finish_reason: FinishReason,
    /// Tokens of the text that was given, as far as they were read.
    pub prompt_tokens: usize,
    /// Tokens that were chosen, the one that ended the text included.
    pub completion_tokens: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_its_range_is_named() {
        let default = Sampling::default();
        assert!(default.check().is_ok());
        for (sampling, name) in [
            (
                Sampling {
                    temperature: f64::NAN,
                    ..default
                },
                "temperature",
            ),
            (
                Sampling {
                    temperature: -0.1,
                    ..default
                },
                "temperature",
            ),
            (
                Sampling {
                    top_k: Some(0),
                    ..default
                },
                "top_k",
            ),
            (
                Sampling {
                    top_p: Some(0.0),
                    ..default
                },
                "top_p",
            ),
            (
                Sampling {
                    min_p: Some(1.5),
                    ..default
                },
                "min_p",
            ),
            (
                Sampling {
                    repetition_penalty: Some(f64::INFINITY),
                    ..default
                },
                "repetition_penalty",
            ),
        ] {
            let error = sampling.check().unwrap_err();
            assert_eq!(error.parameter(), Some(name));
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }
}
