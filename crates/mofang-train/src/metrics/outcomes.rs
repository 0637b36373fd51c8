//! Answers beside the truth, in the form that every metric reads.
//!
//! Every example has a count: 1, or in a resample how often it was drawn. Resamples share everything else with what
//! they were drawn from.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use mofang_types::{Coded, ErrorCode};
use rayon::prelude::*;

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

    /// How many things a resample draws from: examples, or windows of tokens; 0 where windows are not known.
    pub(crate) fn units(&self) -> usize {
        match self {
            Self::Classes(outcomes) => outcomes.counts.len(),
            Self::Numbers(outcomes) => outcomes.counts.len(),
            Self::Tokens(outcomes) => outcomes.windows(),
            Self::Transcripts(outcomes) => outcomes.units(),
        }
    }

    /// Does once what every resample would do again.
    pub(crate) fn prepare_resamples(&self) {
        if let Self::Classes(outcomes) = self {
            outcomes.examples.keep_rankings();
        }
    }

    /// The same outcomes with each unit as often as `counts` says, of which one at least is not 0.
    pub(crate) fn resampled(&self, counts: Vec<u32>) -> Self {
        match self {
            Self::Classes(outcomes) => {
                Self::Classes(ClassOutcomes::counted(&outcomes.examples, counts))
            }
            Self::Numbers(outcomes) => Self::Numbers(NumberOutcomes {
                predicted: Arc::clone(&outcomes.predicted),
                truth: Arc::clone(&outcomes.truth),
                total: total(&counts),
                counts,
            }),
            Self::Tokens(outcomes) => Self::Tokens(outcomes.resampled(&counts)),
            Self::Transcripts(outcomes) => Self::Transcripts(outcomes.resampled(counts)),
        }
    }
}

fn total(counts: &[u32]) -> usize {
    counts.iter().map(|count| *count as usize).sum()
}

/// The numbers that a model said, and the true ones, in the units of the dataset.
#[derive(Debug, Clone)]
pub struct NumberOutcomes {
    predicted: Arc<[f64]>,
    truth: Arc<[f64]>,
    counts: Vec<u32>,
    total: usize,
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
        Ok(Self {
            counts: vec![1; truth.len()],
            total: truth.len(),
            predicted: predicted.into(),
            truth: truth.into(),
        })
    }

    /// The number of examples, each as often as it counts; at least 1.
    pub fn len(&self) -> usize {
        self.total
    }

    /// Never: outcomes have an example.
    pub fn is_empty(&self) -> bool {
        self.total == 0
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

    /// How often each example counts.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The sum of a function of predicted and true number, each example as often as it counts.
    pub(crate) fn sum_of(&self, term: impl Fn(f64, f64) -> f64) -> f64 {
        self.pairs()
            .zip(&self.counts)
            .filter(|(_, count)| **count > 0)
            .map(|((predicted, truth), count)| f64::from(*count) * term(predicted, truth))
            .sum()
    }
}

/// The classes that a model said, with their probabilities, and the true ones.
#[derive(Debug, Clone)]
pub struct ClassOutcomes {
    examples: Arc<ClassExamples>,
    counts: Vec<u32>,
    total: usize,
    confusion: ConfusionMatrix,
}

/// What a model said of each example, and what is true.
#[derive(Debug)]
struct ClassExamples {
    classes: usize,
    /// `[examples, classes]`, row-major.
    probabilities: Vec<f64>,
    labels: Vec<usize>,
    predicted: Vec<usize>,
    /// Of each class, where they are asked for again and again: sorting is most of the work of a resample.
    rankings: OnceLock<Vec<Vec<Ranked>>>,
}

/// An example among those that are sorted by the probability of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ranked {
    example: u32,
    is_of_class: bool,
    /// Whether it is as probable as the one before it.
    pub(crate) is_tied: bool,
}

impl ClassExamples {
    /// The probabilities of each example, in turn.
    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.probabilities.chunks_exact(self.classes)
    }

    fn keep_rankings(&self) {
        self.rankings.get_or_init(|| {
            let classes = (0..self.classes).into_par_iter();
            classes.map(|class| self.rank(class)).collect()
        });
    }

    /// The examples by the probability of a class, the least probable first.
    fn rank(&self, class: usize) -> Vec<Ranked> {
        // Twice as many fit into the caches as with indices of 64 bits; no split has 2^32 examples.
        let mut scores: Vec<(f64, u32, bool)> = (0..)
            .zip(self.rows().zip(&self.labels))
            .filter_map(|(example, (row, label))| {
                Some((*row.get(class)?, example, *label == class))
            })
            .collect();
        scores.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut before: Option<f64> = None;
        scores
            .into_iter()
            .map(|(probability, example, is_of_class)| {
                let before = before.replace(probability);
                Ranked {
                    example,
                    is_of_class,
                    is_tied: before.is_some_and(|before| before.total_cmp(&probability).is_eq()),
                }
            })
            .collect()
    }
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
        let examples = Arc::new(ClassExamples {
            classes,
            probabilities,
            labels: labels.to_vec(),
            predicted,
            rankings: OnceLock::new(),
        });
        Ok(Self::counted(&examples, vec![1; labels.len()]))
    }

    /// Of these examples, each as often as it counts.
    fn counted(examples: &Arc<ClassExamples>, counts: Vec<u32>) -> Self {
        let ClassExamples {
            labels,
            predicted,
            classes,
            ..
        } = &**examples;
        Self {
            confusion: ConfusionMatrix::new(labels, predicted, &counts, *classes),
            examples: Arc::clone(examples),
            total: total(&counts),
            counts,
        }
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.examples.classes
    }

    /// The number of examples, each as often as it counts; at least 1.
    pub fn len(&self) -> usize {
        self.total
    }

    /// Never: outcomes have an example.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The true classes.
    pub fn labels(&self) -> &[usize] {
        &self.examples.labels
    }

    /// The most probable classes.
    pub fn predicted(&self) -> &[usize] {
        &self.examples.predicted
    }

    /// The probabilities of each example, in turn.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.examples.rows()
    }

    /// How often each example counts.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Which classes were taken for which, each example as often as it counts.
    pub fn confusion(&self) -> &ConfusionMatrix {
        &self.confusion
    }

    /// The examples by the probability of a class, the least probable first; those that do not count too.
    pub(crate) fn ranking(&self, class: usize) -> Cow<'_, [Ranked]> {
        let rankings = self.examples.rankings.get();
        match rankings.and_then(|rankings| rankings.get(class)) {
            Some(ranking) => Cow::Borrowed(ranking),
            None => Cow::Owned(self.examples.rank(class)),
        }
    }

    /// How many examples these are, and how many of them are of the class that they were ranked for.
    pub(crate) fn count_of(&self, ranked: &[Ranked]) -> [u64; 2] {
        let mut sums = [0, 0];
        for ranked in ranked {
            let count = self.counts.get(ranked.example as usize).copied();
            let count = u64::from(count.unwrap_or(0));
            sums[0] += count;
            sums[1] += if ranked.is_of_class { count } else { 0 };
        }
        sums
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
