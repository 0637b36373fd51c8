//! The steps after a model: from logits to an answer.
//!
//! There are none where the outputs are the answer. For classification they are `softmax`, `top_k` and
//! `labels`, in this order, without `softmax` where the model gives probabilities itself; for regression
//! `destandardize` and `exponential`, of which each may be left out, and `labels`; for an embedding,
//! `embedding` alone.

mod numbers;

use mofang_types::{ClassProbability, Prediction, Task};
use serde::{Deserialize, Serialize};

use crate::transforms::Scale;
use crate::{DataError, Example, StepInfo, Target};
use numbers::Numbers;

/// A step after the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decoder {
    /// `output · deviation + mean`, both of what was learned; training learns the reverse.
    Destandardize {
        /// Mean and deviation. Found in the training data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scale: Option<Scale>,
    },
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
    /// Logits to probabilities.
    Softmax {},
    /// Keeps the `k` most probable classes.
    TopK {
        /// How many, at least 1.
        k: usize,
    },
}

fn yes() -> bool {
    true
}

/// Every decoder, by name.
pub fn all() -> &'static [StepInfo] {
    &[
        StepInfo {
            name: "destandardize",
            summary: "a number in the units of what was learned",
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
            name: "softmax",
            summary: "logits to probabilities",
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
    /// Numbers.
    Numbers(Numbers),
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
            Self::Embedding { .. } | Self::Numbers(_) if task.is_classification() => {
                wrong("softmax, top_k (k at least 1) and labels")
            }
            Self::Classes { .. } | Self::Embedding { .. } if task == Task::TabularRegression => {
                wrong("destandardize, exponential (either may be left out) and labels")
            }
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
            Self::Classes { .. } | Self::Embedding { .. } | Self::Values => Ok(()),
            Self::Numbers(numbers) => numbers.check_fitted(),
        }
    }

    /// The target in the units of the model's outputs.
    pub(crate) fn encode(&self, target: Target) -> Target {
        match self {
            Self::Classes { .. } | Self::Embedding { .. } | Self::Values => target,
            Self::Numbers(numbers) => numbers.encode(target),
        }
    }

    /// The number that outputs stand for; none for classes.
    pub(crate) fn number_of(&self, outputs: &[f32]) -> Option<f64> {
        match self {
            Self::Classes { .. } | Self::Embedding { .. } | Self::Values => None,
            Self::Numbers(numbers) => outputs.first().map(|output| numbers.decode(*output)),
        }
    }

    /// The answer that a model's outputs for one example are.
    pub(crate) fn decode(
        &self,
        outputs: &[f32],
        labels: &[String],
        top_k: Option<usize>,
    ) -> Result<Prediction, DataError> {
        match self {
            Self::Classes { top_k: own, logits } => {
                decode(outputs, labels, top_k.unwrap_or(*own), *logits)
            }
            Self::Numbers(numbers) => numbers.prediction(outputs, labels),
            Self::Embedding { normalize } => embedding(outputs, *normalize),
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
        [Decoder::Embedding { normalize }] => Ok(Answer::Embedding {
            normalize: *normalize,
        }),
        _ => Numbers::of(decoders).map(Answer::Numbers).ok_or_else(|| {
            DataError::InvalidPipeline(
                "the decoders of a classifier are softmax, top_k (k at least 1) and labels, in this order, \
                 without softmax where the model gives probabilities; those of a regression destandardize, \
                 exponential (either may be left out) and labels; that of an embedding is embedding"
                    .to_owned(),
            )
        }),
    }
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
        let prediction = answer.decode(&[0.1, 0.7, 0.2], &labels(), None).unwrap();
        assert_eq!(prediction.summary(), "Predicted class: dog (70.0 %)");
    }

    #[test]
    fn large_logits_do_not_overflow_and_bad_ones_are_refused() {
        mofang_types::testing::assert_close(&softmax(&[1e30, 1e30]), &[0.5, 0.5], 1e-6);
        assert!(decode(&[1.0, f32::NAN, 2.0], &labels(), 1, true).is_err());
        assert!(decode(&[1.0], &labels(), 1, true).is_err());
    }
}
