//! The steps after a model: from logits to an answer.
//!
//! There are none where the outputs are the answer. For classification they are `softmax`, `top_k` and
//! `labels`, in this order, without `softmax` where the model gives probabilities itself; for regression
//! `destandardize` and `exponential`, of which each may be left out, and `labels`; for an embedding,
//! `embedding` alone; for texts that go on with others `sample`, `stop` (which may be
//! left out) and `detokenize`; for what is said in recordings `ctc` alone.

mod ctc;
mod numbers;

use mofang_types::{ClassProbability, Prediction, Sampling, Task};
use serde::{Deserialize, Serialize};

use crate::transforms::Scale;
use crate::{DataError, Example, StepInfo, Target};
pub use ctc::Ctc;
use numbers::Numbers;

/// A step after the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decoder {
    /// Symbols out of their probabilities at each step, by connectionist temporal classification.
    Ctc(Ctc),
    /// `output · deviation + mean`, both of what was learned; training learns the reverse.
    Destandardize {
        /// Mean and deviation. Found in the training data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scale: Option<Scale>,
    },
    /// Tokens become a text again, by the tokenizer of the pipeline.
    Detokenize {},
    /// The outputs are a vector.
    Embedding {
        /// Whether it is scaled to the length 1, so that a scalar product is the cosine.
        #[serde(default = "yes")]
        normalize: bool,
    },
    /// `exp(x) − 1`, for a number that has been learned by its logarithm `ln(1 + number)`.
    Exponential {},
    /// Names the classes, or the number, by the labels of the package.
    Labels {},
    /// Chooses a token after the other by the logits of the next one, until one of them ends the text; what
    /// a request does not say itself.
    Sample(Sampling),
    /// Logits to probabilities.
    Softmax {},
    /// Where a text that goes on ends at the latest; what a request does not say itself.
    Stop(StopRule),
    /// Keeps the `k` most probable classes.
    TopK {
        /// How many, at least 1.
        k: usize,
    },
}

fn yes() -> bool {
    true
}

/// Where a text that goes on ends at the latest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StopRule {
    /// Its most tokens.
    pub max_tokens: usize,
    /// Texts before which it ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
    /// Tokens that end it besides those by which the tokenizer ends texts, such as `<|im_end|>`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<String>,
}

impl Default for StopRule {
    fn default() -> Self {
        Self {
            max_tokens: 256,
            texts: Vec::new(),
            tokens: Vec::new(),
        }
    }
}

/// Every decoder, by name.
pub fn all() -> &'static [StepInfo] {
    &[
        StepInfo {
            name: "ctc",
            summary: "symbols out of their probabilities at each step, by a beam of `beam_width` texts, with `separator` between them",
        },
        StepInfo {
            name: "destandardize",
            summary: "a number in the units of what was learned",
        },
        StepInfo {
            name: "detokenize",
            summary: "tokens become a text again, by the tokenizer of the pipeline",
        },
        StepInfo {
            name: "embedding",
            summary: "the outputs are a vector, scaled to the length 1 unless `normalize` is false",
        },
        StepInfo {
            name: "exponential",
            summary: "exp(x) − 1, for a number that was learned by its logarithm",
        },
        StepInfo {
            name: "labels",
            summary: "names the classes, or the number",
        },
        StepInfo {
            name: "sample",
            summary: "chooses token after token, by `temperature` (0: the most probable), `top_k`, `top_p`, `min_p` and `repetition_penalty`",
        },
        StepInfo {
            name: "softmax",
            summary: "logits to probabilities",
        },
        StepInfo {
            name: "stop",
            summary: "ends a text after `max_tokens` tokens, before one of `texts`, and at one of `tokens`",
        },
        StepInfo {
            name: "top_k",
            summary: "keeps the k most probable classes",
        },
    ]
}

/// Finds what the decoders leave to the data.
pub(crate) fn fit(decoders: &mut [Decoder], examples: &[Example]) -> Result<(), DataError> {
    numbers::fit(decoders, examples)
}

/// How texts go on where a request does not say it.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationDefaults {
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// Where it ends at the latest.
    pub stop: StopRule,
}

/// What a list of decoders is together: the form of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The most probable classes.
    Classes {
        /// How many, at least 1.
        top_k: usize,
        /// Whether the outputs are logits, to be made into probabilities.
        logits: bool,
    },
    /// A vector.
    Embedding {
        /// Whether it is scaled to the length 1.
        normalize: bool,
    },
    /// A text that goes on.
    Generation(GenerationDefaults),
    /// Numbers.
    Numbers(Numbers),
    /// What was said.
    Transcript(Ctc),
    /// The outputs as they are.
    Values,
}

impl Answer {
    /// That the answer is of the form that a task gives.
    pub(crate) fn check_for(&self, task: Task) -> Result<(), DataError> {
        let wrong = |decoders: &str| {
            Err(DataError::InvalidPipeline(format!(
                "the decoders of {task} are {decoders}, in this order"
            )))
        };
        match self {
            Self::Transcript(_) if task == Task::SpeechRecognition => Ok(()),
            _ if task == Task::SpeechRecognition => wrong("ctc alone"),
            Self::Transcript(_) => Err(DataError::InvalidPipeline(format!(
                "`ctc` is a decoder of {}, not of {task}",
                Task::SpeechRecognition
            ))),
            Self::Generation(_) if task == Task::TextGeneration => Ok(()),
            _ if task == Task::TextGeneration => wrong(
                "sample, stop (which may be left out) and detokenize; that of what is said in recordings is ctc",
            ),
            Self::Embedding { .. } | Self::Generation(_) | Self::Numbers(_)
                if task.is_classification() =>
            {
                wrong("softmax, top_k (k at least 1) and labels")
            }
            Self::Classes { .. } | Self::Embedding { .. } | Self::Generation(_)
                if task == Task::TabularRegression =>
            {
                wrong("destandardize, exponential (either may be left out) and labels")
            }
            Self::Generation(_) => Err(DataError::InvalidPipeline(format!(
                "`sample` is a decoder of {}, not of {task}",
                Task::TextGeneration
            ))),
            Self::Values if task != Task::Tensor => Err(DataError::InvalidPipeline(format!(
                "it has no decoders, and {task} needs some"
            ))),
            Self::Classes { .. } | Self::Embedding { .. } | Self::Numbers(_) | Self::Values => {
                Ok(())
            }
        }
    }

    /// That nothing is left to the data any more.
    pub(crate) fn check_fitted(&self) -> Result<(), DataError> {
        match self {
            Self::Classes { .. }
            | Self::Embedding { .. }
            | Self::Generation(_)
            | Self::Transcript(_)
            | Self::Values => Ok(()),
            Self::Numbers(numbers) => numbers.check_fitted(),
        }
    }

    /// The target in the units of the model's outputs.
    pub(crate) fn encode(&self, target: &Target) -> Target {
        match self {
            Self::Classes { .. }
            | Self::Embedding { .. }
            | Self::Generation(_)
            | Self::Transcript(_)
            | Self::Values => target.clone(),
            Self::Numbers(numbers) => numbers.encode(target),
        }
    }

    /// The number that outputs stand for; none for classes.
    pub(crate) fn number_of(&self, outputs: &[f32]) -> Option<f64> {
        match self {
            Self::Classes { .. }
            | Self::Embedding { .. }
            | Self::Generation(_)
            | Self::Transcript(_)
            | Self::Values => None,
            Self::Numbers(numbers) => outputs.first().map(|output| numbers.decode(*output)),
        }
    }

    /// The answer that a model's outputs for one example are; `seconds` is how long a recording is.
    pub(crate) fn decode(
        &self,
        outputs: &[f32],
        labels: &[String],
        top_k: Option<usize>,
        seconds: Option<f64>,
    ) -> Result<Prediction, DataError> {
        match self {
            Self::Classes { top_k: own, logits } => {
                decode(outputs, labels, top_k.unwrap_or(*own), *logits)
            }
            Self::Numbers(numbers) => numbers.prediction(outputs, labels),
            Self::Embedding { normalize } => embedding(outputs, *normalize),
            Self::Transcript(ctc) => ctc.prediction(outputs, labels, seconds),
            // A text is more than one row of outputs.
            Self::Generation(_) => Err(DataError::InvalidInput(
                "one row of outputs is no text; the model goes on with texts".to_owned(),
            )),
            Self::Values => Ok(Prediction::Values(outputs.to_vec())),
        }
    }
}

/// Checks that the list is one that can run.
pub(crate) fn check(decoders: &[Decoder]) -> Result<Answer, DataError> {
    match decoders {
        [] => Ok(Answer::Values),
        [Decoder::Softmax {}, Decoder::TopK { k }, Decoder::Labels {}] if *k >= 1 => {
            Ok(Answer::Classes {
                top_k: *k,
                logits: true,
            })
        }
        [Decoder::TopK { k }, Decoder::Labels {}] if *k >= 1 => Ok(Answer::Classes {
            top_k: *k,
            logits: false,
        }),
        [Decoder::Ctc(ctc)] => {
            ctc.check()?;
            Ok(Answer::Transcript(ctc.clone()))
        }
        [Decoder::Embedding { normalize }] => Ok(Answer::Embedding {
            normalize: *normalize,
        }),
        [Decoder::Sample(sampling), Decoder::Detokenize {}] => {
            generation(*sampling, StopRule::default())
        }
        [
            Decoder::Sample(sampling),
            Decoder::Stop(stop),
            Decoder::Detokenize {},
        ] => generation(*sampling, stop.clone()),
        _ => Numbers::of(decoders).map(Answer::Numbers).ok_or_else(|| {
            DataError::InvalidPipeline(
                "the decoders of a classifier are softmax, top_k (k at least 1) and labels, in this order, \
                 without softmax where the model gives probabilities; those of a regression destandardize, \
                 exponential (either may be left out) and labels; that of an embedding is embedding; those of texts \
                 that go on are sample, stop (which may be left out) and detokenize"
                    .to_owned(),
            )
        }),
    }
}

fn generation(sampling: Sampling, stop: StopRule) -> Result<Answer, DataError> {
    sampling
        .check()
        .map_err(|error| DataError::InvalidPipeline(format!("`sample`: {error}")))?;
    if stop.max_tokens == 0 {
        return Err(DataError::InvalidPipeline(
            "`stop`: max_tokens must be at least 1".to_owned(),
        ));
    }
    if stop.texts.iter().any(String::is_empty) {
        return Err(DataError::InvalidPipeline(
            "`stop`: an empty text ends everything; leave it out".to_owned(),
        ));
    }
    Ok(Answer::Generation(GenerationDefaults { sampling, stop }))
}

/// `softmax` of one row, computed around the largest logit so that nothing overflows.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.into_iter().map(|value| value / sum).collect()
}

/// The vector, perhaps scaled to the length 1; one of zeros stays.
fn embedding(outputs: &[f32], normalize: bool) -> Result<Prediction, DataError> {
    if let Some(index) = outputs.iter().position(|value| !value.is_finite()) {
        return Err(DataError::NotFinite { index });
    }
    let squares: f64 = outputs.iter().map(|value| f64::from(*value).powi(2)).sum();
    let scale = if normalize && squares > 0.0 {
        squares.sqrt().recip()
    } else {
        1.0
    };
    let scaled = outputs
        .iter()
        .map(|value| (f64::from(*value) * scale) as f32);
    Ok(Prediction::Embedding(scaled.collect()))
}

fn decode(
    outputs: &[f32],
    labels: &[String],
    top_k: usize,
    logits: bool,
) -> Result<Prediction, DataError> {
    if outputs.len() != labels.len() || outputs.is_empty() {
        return Err(DataError::WrongShape {
            actual: vec![outputs.len()],
            expected: format!("one output for each of the {} labels", labels.len()),
        });
    }
    if let Some(index) = outputs.iter().position(|output| !output.is_finite()) {
        return Err(DataError::NotFinite { index });
    }
    let probabilities = if logits {
        softmax(outputs)
    } else {
        outputs.to_vec()
    };
    let mut order: Vec<usize> = (0..labels.len()).collect();
    // Stable, so that equal probabilities keep the order of the classes.
    order.sort_by(|a, b| {
        probability(&probabilities, *b).total_cmp(&probability(&probabilities, *a))
    });
    let classes = order
        .into_iter()
        .take(top_k.max(1))
        .map(|index| ClassProbability {
            label: labels.get(index).cloned().unwrap_or_default(),
            index,
            probability: probability(&probabilities, index),
        })
        .collect();
    Ok(Prediction::Classes(classes))
}

fn probability(probabilities: &[f32], index: usize) -> f32 {
    probabilities.get(index).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        ["cat", "dog", "owl"].map(str::to_owned).to_vec()
    }

    #[test]
    fn the_best_classes_come_first() {
        let Prediction::Classes(classes) = decode(&[1.0, 3.0, 2.0], &labels(), 2, true).unwrap()
        else {
            panic!("no classes");
        };
        let names: Vec<&str> = classes.iter().map(|class| class.label.as_str()).collect();
        assert_eq!(names, ["dog", "owl"]);
        // scipy.special.softmax([1, 3, 2])
        let probabilities: Vec<f32> = classes.iter().map(|class| class.probability).collect();
        mofang_types::testing::assert_close(&probabilities, &[0.665_240_96, 0.244_728_47], 1e-6);
    }

    #[test]
    fn a_vector_is_scaled_to_the_length_1_or_left() {
        let values = |outputs: &[f32], normalize| {
            let Prediction::Embedding(values) = embedding(outputs, normalize).unwrap() else {
                panic!("no vector");
            };
            values
        };
        mofang_types::testing::assert_close(&values(&[3.0, 4.0], true), &[0.6, 0.8], 1e-6);
        mofang_types::testing::assert_close(&values(&[3.0, 4.0], false), &[3.0, 4.0], 1e-6);
        mofang_types::testing::assert_close(&values(&[0.0; 2], true), &[0.0; 2], 1e-6);
        assert!(embedding(&[f32::NAN], true).is_err());
        assert_eq!(
            check(&[Decoder::Embedding { normalize: true }]).unwrap(),
            Answer::Embedding { normalize: true }
        );
    }

    #[test]
    fn probabilities_stay_as_they_are() {
        let decoders = [Decoder::TopK { k: 1 }, Decoder::Labels {}];
        let answer = check(&decoders).unwrap();
        let prediction = answer
            .decode(&[0.1, 0.7, 0.2], &labels(), None, None)
            .unwrap();
        assert_eq!(prediction.summary(), "Predicted class: dog (70.0 %)");
    }

    #[test]
    fn a_text_goes_on_as_its_decoders_say() {
        let of = |json: serde_json::Value| {
            let decoders: Vec<Decoder> = serde_json::from_value(json).unwrap();
            check(&decoders)
        };
        let Answer::Generation(defaults) = of(serde_json::json!([
            {"type": "sample", "temperature": 0.8, "top_k": 40}, {"type": "stop", "texts": ["\n\n"]}, {"type": "detokenize"}
        ]))
        .unwrap() else {
            panic!("no text");
        };
        assert_eq!(defaults.sampling.top_k, Some(40));
        assert_eq!(defaults.stop.texts, ["\n\n"]);
        assert_eq!(defaults.stop.max_tokens, 256);
        let answer = of(serde_json::json!([{"type": "sample"}, {"type": "detokenize"}])).unwrap();
        assert!(answer.check_for(Task::TextGeneration).is_ok());
        assert!(answer.check_for(Task::TextClassification).is_err());
        assert!(answer.check_for(Task::Embedding).is_err());
        let error =
            of(serde_json::json!([{"type": "sample", "top_p": 2.0}, {"type": "detokenize"}]));
        assert!(error.unwrap_err().to_string().contains("top_p = 2"));
        let classes = check(&[Decoder::TopK { k: 1 }, Decoder::Labels {}]).unwrap();
        assert!(classes.check_for(Task::TextGeneration).is_err());
    }

    #[test]
    fn large_logits_do_not_overflow_and_bad_ones_are_refused() {
        mofang_types::testing::assert_close(&softmax(&[1e30, 1e30]), &[0.5, 0.5], 1e-6);
        assert!(decode(&[1.0, f32::NAN, 2.0], &labels(), 1, true).is_err());
        assert!(decode(&[1.0], &labels(), 1, true).is_err());
    }
}
