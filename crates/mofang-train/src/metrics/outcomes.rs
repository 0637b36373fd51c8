//! Answers beside the truth, in the form that every metric reads.

use mofang_types::{Coded, ErrorCode};

use super::{ConfusionMatrix, TokenOutcomes, TranscriptOutcomes};

/// Why answers cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutcomesError {
    /// There is nothing to judge.
    #[error("there is no example to evaluate")]
    Empty,
    /// The number of logits is not examples × classes.
    #[error("{logits} logits are not {examples} examples × {classes} classes")]
    WrongLength {
        /// How many logits came.
        logits: usize,
        /// How many labels came.
        examples: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A label is not a class.
    #[error("example {example} has the label {label}, but there are {classes} classes")]
    WrongLabel {
        /// The example.
        example: usize,
        /// Its label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// The model gave a NaN or an infinity.
    #[error("the model's output for example {example} is not finite (NaN or infinity)")]
    NotFinite {
        /// The example.
        example: usize,
    },
}

impl Coded for OutcomesError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Empty | Self::WrongLabel { .. } => ErrorCode::InvalidInput,
            Self::WrongLength { .. } | Self::NotFinite { .. } => ErrorCode::Internal,
        }
    }
}

/// What a model said of some examples, and what is true.
#[derive(Debug, Clone)]
pub enum Outcomes {
    /// Of classes.
    Classes(ClassOutcomes),
    /// Of numbers.
    Numbers(NumberOutcomes),
    /// Of the tokens of texts.
    Tokens(TokenOutcomes),
    /// Of what was said in recordings.
    Transcripts(TranscriptOutcomes),
}

impl Outcomes {
    /// The number of examples, or of tokens; at least 1.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(outcomes) => outcomes.len(),
            Self::Numbers(outcomes) => outcomes.len(),
            Self::Tokens(outcomes) => outcomes.len(),
            Self::Transcripts(outcomes) => outcomes.len(),
        }
    }

    /// Never: outcomes have an example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The numbers that a model said, and the true ones, in the units of the dataset.
#[derive(Debug, Clone)]
pub struct NumberOutcomes {
    predicted: Vec<f64>,
    truth: Vec<f64>,
}

impl NumberOutcomes {
    /// The outcomes of predicted and true numbers.
    ///
    /// # Errors
    /// When there is no example, there are not as many of one as of the other, or one is not finite.
    pub fn new(predicted: Vec<f64>, truth: Vec<f64>) -> Result<Self, OutcomesError> {
        if truth.is_empty() {
            return Err(OutcomesError::Empty);
        }
        if predicted.len() != truth.len() {
            return Err(OutcomesError::WrongLength {
                logits: predicted.len(),
                examples: truth.len(),
                classes: 1,
            });
        }
        let mut pairs = predicted.iter().zip(&truth);
        if let Some(example) = pairs.position(|(a, b)| !a.is_finite() || !b.is_finite()) {
            return Err(OutcomesError::NotFinite { example });
        }
        Ok(Self { predicted, truth })
    }

    /// The number of examples, at least 1.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Never: outcomes have an example.
    pub fn is_empty(&self) -> bool {
        self.truth.is_empty()
    }

    /// The predicted numbers.
    pub fn predicted(&self) -> &[f64] {
        &self.predicted
    }

    /// The true numbers.
    pub fn truth(&self) -> &[f64] {
        &self.truth
    }

    /// Predicted and true numbers, in pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        self.predicted
            .iter()
            .copied()
            .zip(self.truth.iter().copied())
    }
}

/// The classes that a model said, with their probabilities, and the true ones.
#[derive(Debug, Clone)]
pub struct ClassOutcomes {
    classes: usize,
    /// `[examples, classes]`, row-major.
    probabilities: Vec<f64>,
    labels: Vec<usize>,
    predicted: Vec<usize>,
    confusion: ConfusionMatrix,
}

impl ClassOutcomes {
    /// The outcomes of logits `[examples, classes]`, row-major; the predicted class is the most
    /// probable one, the first of equals.
    ///
    /// # Errors
    /// When there is no example, lengths differ, a label is no class or a logit is not finite.
    pub fn from_logits(
        logits: &[f32],
        labels: &[usize],
        classes: usize,
    ) -> Result<Self, OutcomesError> {
        if labels.is_empty() || classes == 0 {
            return Err(OutcomesError::Empty);
        }
        if classes.checked_mul(labels.len()) != Some(logits.len()) {
            return Err(OutcomesError::WrongLength {
                logits: logits.len(),
                examples: labels.len(),
                classes,
            });
        }
        let mut probabilities = Vec::with_capacity(logits.len());
        let mut predicted = Vec::with_capacity(labels.len());
        for (example, (row, label)) in logits.chunks_exact(classes).zip(labels).enumerate() {
            if *label >= classes {
                return Err(OutcomesError::WrongLabel {
                    example,
                    label: *label,
                    classes,
                });
            }
            if row.iter().any(|logit| !logit.is_finite()) {
                return Err(OutcomesError::NotFinite { example });
            }
            probabilities.extend(softmax(row));
            predicted.push(first_largest(row));
        }
        Ok(Self {
            confusion: ConfusionMatrix::new(labels, &predicted, classes),
            classes,
            probabilities,
            labels: labels.to_vec(),
            predicted,
        })
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of examples, at least 1.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never: outcomes have an example.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The true classes.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The most probable classes.
    pub fn predicted(&self) -> &[usize] {
        &self.predicted
    }

    /// The probabilities of each example, in turn.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.probabilities.chunks_exact(self.classes)
    }

    /// Which classes were taken for which.
    pub fn confusion(&self) -> &ConfusionMatrix {
        &self.confusion
    }
}

/// In double precision and around the largest logit, so that no probability overflows.
fn softmax(row: &[f32]) -> impl Iterator<Item = f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponential = move |logit: &f32| (f64::from(*logit) - f64::from(largest)).exp();
    let sum: f64 = row.iter().map(exponential).sum();
    row.iter().map(move |logit| exponential(logit) / sum)
}

/// The index of the largest value, the first of equals.
pub(crate) fn first_largest(row: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, value) in row.iter().enumerate() {
        if *value > best.1 {
            best = (index, *value);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let error = |logits: &[f32], labels: &[usize]| {
            ClassOutcomes::from_logits(logits, labels, 2).unwrap_err()
        };
        assert_eq!(error(&[], &[]), OutcomesError::Empty);
        assert!(matches!(
            error(&[1.0], &[0]),
            OutcomesError::WrongLength { .. }
        ));
        assert!(matches!(
            error(&[1.0, 2.0], &[2]),
            OutcomesError::WrongLabel { .. }
        ));
        assert_eq!(
            error(&[1.0, 2.0, 1.0, f32::NAN], &[0, 1]),
            OutcomesError::NotFinite { example: 1 }
        );
    }

    #[test]
    fn large_logits_do_not_overflow_and_the_first_of_equals_wins() {
        let outcomes = ClassOutcomes::from_logits(&[1e30, 1e30], &[1], 2).unwrap();
        assert_eq!(outcomes.predicted(), [0]);
        let row = outcomes.rows().next().unwrap();
        assert!(row.iter().all(|p| (p - 0.5).abs() < 1e-12), "{row:?}");
    }
}
