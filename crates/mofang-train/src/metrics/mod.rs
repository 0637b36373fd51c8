//! How good answers are: one file per metric, and [`all`] lists them.
//!
//! Every metric is computed from the same [`Outcomes`] and agrees with scikit-learn
//! (`tests/golden/make_metrics.py`). See `docs/adding-a-metric.md`.

mod accuracy;
mod average_precision;
mod bits_per_byte;
mod calibration_error;
mod character_error_rate;
mod confusion_matrix;
mod cross_entropy;
mod determination;
mod exact_match;
mod f1;
mod log_loss;
mod matthews;
mod mean_absolute_error;
mod mean_absolute_percentage_error;
mod outcomes;
mod perplexity;
mod precision;
mod recall;
mod roc_auc;
mod root_mean_squared_error;
mod token_accuracy;
mod token_outcomes;
mod top_k_accuracy;
mod transcript_outcomes;
mod word_error_rate;

use std::collections::BTreeMap;
use std::fmt;

use mofang_types::{Task, closest};

pub use confusion_matrix::{Averages, ConfusionMatrix};
pub(crate) use outcomes::first_largest;
pub use outcomes::{ClassOutcomes, NumberOutcomes, Outcomes, OutcomesError};
pub use token_outcomes::TokenOutcomes;
pub use transcript_outcomes::{Heard, TranscriptOutcomes};

use accuracy::Accuracy;
use average_precision::AveragePrecision;
use bits_per_byte::BitsPerByte;
use calibration_error::CalibrationError;
use character_error_rate::CharacterErrorRate;
use cross_entropy::CrossEntropy;
use determination::Determination;
use exact_match::ExactMatch;
use f1::F1;
use log_loss::LogLoss;
use matthews::Matthews;
use mean_absolute_error::MeanAbsoluteError;
use mean_absolute_percentage_error::MeanAbsolutePercentageError;
use perplexity::Perplexity;
use precision::Precision;
use recall::Recall;
use roc_auc::RocAuc;
use root_mean_squared_error::RootMeanSquaredError;
use token_accuracy::TokenAccuracy;
use top_k_accuracy::TopKAccuracy;
use word_error_rate::WordErrorRate;

/// A number that a metric gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricValue {
    /// Its name in reports, gates and rules, e.g. `f1_macro`.
    pub name: &'static str,
    /// Whether more is better.
    pub higher_is_better: bool,
}

impl MetricValue {
    /// A value of which more is better.
    const fn higher(name: &'static str) -> Self {
        Self {
            name,
            higher_is_better: true,
        }
    }

    /// A value of which less is better.
    const fn lower(name: &'static str) -> Self {
        Self {
            name,
            higher_is_better: false,
        }
    }

    /// Whether `value` is better than `other` by more than `min_delta`; a NaN is never better.
    pub fn is_better(&self, value: f64, other: f64, min_delta: f64) -> bool {
        if self.higher_is_better {
            value > other + min_delta
        } else {
            value < other - min_delta
        }
    }

    /// Whether `value` is as good as `bound` or better; a NaN is not.
    pub fn reaches(&self, value: f64, bound: f64) -> bool {
        if self.higher_is_better {
            value >= bound
        } else {
            value <= bound
        }
    }
}

/// What answers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// Classes.
    Classes,
    /// Numbers.
    Numbers,
    /// The probabilities of tokens.
    Tokens,
    /// What was said in recordings.
    Transcripts,
}

impl Judged {
    /// What the answers of a task are.
    pub const fn of(task: Task) -> Self {
        match task {
            Task::AudioClassification
            | Task::ImageClassification
            | Task::TabularClassification
            | Task::TextClassification => Self::Classes,
            Task::Embedding | Task::TabularRegression | Task::Tensor => Self::Numbers,
            Task::SpeechRecognition => Self::Transcripts,
            Task::TextGeneration => Self::Tokens,
        }
    }

    /// The metric that the best epoch is chosen by when a recipe names none.
    pub(crate) const fn default_monitor(self) -> &'static str {
        match self {
            Self::Classes => "accuracy",
            Self::Numbers => "rmse",
            Self::Tokens => "cross_entropy",
            Self::Transcripts => "word_error_rate",
        }
    }
}

/// A measure of how good answers are.
pub trait Metric: fmt::Debug + Send + Sync {
    /// The name of the metric.
    fn name(&self) -> &'static str;

    /// What it measures, in one line.
    fn summary(&self) -> &'static str;

    /// What it is a measure of.
    fn judges(&self) -> Judged {
        Judged::Classes
    }

    /// The numbers that it gives.
    fn values(&self) -> &'static [MetricValue];

    /// The numbers for these outcomes, by name; one that is not defined for them is left out.
    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)>;
}

/// Every metric, alphabetically.
pub fn all() -> &'static [&'static dyn Metric] {
    &[
        &Accuracy,
        &AveragePrecision,
        &BitsPerByte,
        &CalibrationError,
        &CharacterErrorRate,
        &CrossEntropy,
        &Determination,
        &ExactMatch,
        &F1,
        &LogLoss,
        &Matthews,
        &MeanAbsoluteError,
        &MeanAbsolutePercentageError,
        &Perplexity,
        &Precision,
        &Recall,
        &RocAuc,
        &RootMeanSquaredError,
        &TokenAccuracy,
        &TopKAccuracy,
        &WordErrorRate,
    ]
}

/// The values that are shown where there is room for few, of which each task has some.
pub const HEADLINES: [&str; 7] = [
    "accuracy",
    "cross_entropy",
    "f1_macro",
    "perplexity",
    "r2",
    "rmse",
    "word_error_rate",
];

/// The value of this name, of whichever metric gives it.
///
/// # Errors
/// A hint at what could have been meant, when there is none.
pub fn find_value(name: &str) -> Result<MetricValue, String> {
    find_among(name, all().iter().copied())
}

/// The value of this name, of whichever metric gives it for the answers of this task.
///
/// # Errors
/// As [`find_value`].
pub fn find_value_for(name: &str, task: Task) -> Result<MetricValue, String> {
    let judged = Judged::of(task);
    let metrics = all().iter().copied();
    find_among(
        name,
        metrics.filter(move |metric| metric.judges() == judged),
    )
    .map_err(|hint| format!("{hint} for {task}"))
}

fn find_among(
    name: &str,
    metrics: impl Iterator<Item = &'static dyn Metric> + Clone,
) -> Result<MetricValue, String> {
    let values = || metrics.clone().flat_map(Metric::values);
    values()
        .copied()
        .find(|value| value.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = values().map(|value| value.name).collect();
            let hint = closest(name, names.iter().copied()).map_or_else(
                || format!("there are {}", names.join(", ")),
                |meant| format!("did you mean \"{meant}\"?"),
            );
            format!("there is no metric \"{name}\"; {hint}")
        })
}

/// Every value of every metric for these outcomes; one that is too large for a number, as the perplexity of a model that
/// has diverged may be, is left out like one that is not defined.
pub fn compute_all(outcomes: &Outcomes) -> BTreeMap<String, f64> {
    values_of(outcomes)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// As [`compute_all`], in the order of the metrics.
pub(crate) fn values_of(outcomes: &Outcomes) -> impl Iterator<Item = (&'static str, f64)> {
    all()
        .iter()
        .flat_map(move |metric| metric.compute(outcomes))
        // JSON has no form for others: neither a checkpoint nor a report could be read again.
        .filter(|(_, value)| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_alphabetical_and_every_value_has_one_name() {
        let names: Vec<&str> = all().iter().map(|metric| metric.name()).collect();
        assert!(names.is_sorted(), "{names:?}");
        let mut values: Vec<&str> = all()
            .iter()
            .flat_map(|metric| metric.values())
            .map(|value| value.name)
            .collect();
        let count = values.len();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), count);
    }

    #[test]
    fn every_metric_gives_the_values_that_it_declares() {
        let logits: Vec<f32> = (0_u8..60).map(|i| f32::from(i * 7 % 11)).collect();
        let labels: Vec<usize> = (0..10).map(|i| i % 6).collect();
        let classes = Outcomes::Classes(ClassOutcomes::from_logits(&logits, &labels, 6).unwrap());
        let numbers = NumberOutcomes::new(vec![1.0, 2.5], vec![1.5, 2.0]).unwrap();
        let numbers = Outcomes::Numbers(numbers);
        let mut tokens = TokenOutcomes::new(20);
        tokens.add(&[0.5, 1.0, -1.0], &[1], 3, 1).unwrap();
        let tokens = Outcomes::Tokens(tokens);
        let heard = Heard {
            text: "a".to_owned(),
            truth: "a b".to_owned(),
            probability: 0.5,
        };
        let transcripts = TranscriptOutcomes::new(vec![heard]).unwrap();
        let transcripts = Outcomes::Transcripts(transcripts);
        for metric in all() {
            let (outcomes, others) = match metric.judges() {
                Judged::Classes => (&classes, &numbers),
                Judged::Numbers => (&numbers, &tokens),
                Judged::Tokens => (&tokens, &transcripts),
                Judged::Transcripts => (&transcripts, &classes),
            };
            assert!(metric.compute(others).is_empty(), "{}", metric.name());
            let given: Vec<&str> = metric
                .compute(outcomes)
                .iter()
                .map(|(name, _)| *name)
                .collect();
            let declared: Vec<&str> = metric.values().iter().map(|value| value.name).collect();
            assert_eq!(given, declared, "{}", metric.name());
        }
    }

    #[test]
    fn every_metric_takes_an_example_as_often_as_it_counts() {
        let counts = [0_u32, 2, 1, 0, 3, 1, 0, 1, 2, 0];
        let repeated = |index: usize| std::iter::repeat_n(index, counts[index] as usize);
        let drawn: Vec<usize> = (0..counts.len()).flat_map(repeated).collect();
        // Scores of few values, so that many are tied.
        let row = |example: usize| (0..6).map(move |class| score(example * 6 + class));
        let label = |example: usize| (example * 5 + 1) % 6;
        let classes = |examples: &[usize]| {
            let logits: Vec<f32> = examples.iter().copied().flat_map(row).collect();
            let labels: Vec<usize> = examples.iter().copied().map(label).collect();
            Outcomes::Classes(ClassOutcomes::from_logits(&logits, &labels, 6).unwrap())
        };
        let numbers = |examples: &[usize]| {
            let of = |shift: usize| {
                examples
                    .iter()
                    .map(move |index| number(index + shift))
                    .collect()
            };
            Outcomes::Numbers(NumberOutcomes::new(of(3), of(0)).unwrap())
        };
        let all_examples: Vec<usize> = (0..counts.len()).collect();
        for outcomes_of in [&classes as &dyn Fn(&[usize]) -> Outcomes, &numbers] {
            let whole = outcomes_of(&all_examples);
            let expected = compute_all(&outcomes_of(&drawn));
            let again = compute_all(&whole.resampled(counts.to_vec()));
            whole.prepare_resamples();
            let prepared = compute_all(&whole.resampled(counts.to_vec()));
            assert_eq!(again, prepared);
            assert!(again.keys().eq(expected.keys()), "{again:?} {expected:?}");
            for (name, value) in &expected {
                assert!((again[name] - value).abs() < 1e-12, "{name}: {again:?}");
            }
            assert_eq!(whole.resampled(counts.to_vec()).len(), drawn.len());
        }
    }

    /// One of seven scores.
    fn score(place: usize) -> f32 {
        f32::from(u8::try_from(place * 11 % 7).unwrap_or(0)) / 3.0
    }

    /// A number that is not 0.
    fn number(index: usize) -> f64 {
        f64::from(u8::try_from(index * 13 % 17).unwrap_or(0)) + 0.5
    }

    #[test]
    fn what_is_too_large_for_a_number_is_left_out_and_the_rest_can_be_read_again() {
        let mut tokens = TokenOutcomes::new(1);
        // e^1000 is infinite.
        tokens.add(&[0.0, 1000.0], &[0], 2, 1).unwrap();
        let values = compute_all(&Outcomes::Tokens(tokens));
        assert!((values["cross_entropy"] - 1000.0).abs() < 1e-3);
        assert!(!values.contains_key("perplexity"), "{values:?}");
        let text = serde_json::to_string(&values).unwrap();
        let read: BTreeMap<String, f64> = serde_json::from_str(&text).unwrap();
        assert!(read.keys().eq(values.keys()), "{text}");
    }

    #[test]
    fn an_unknown_value_gets_a_suggestion() {
        assert!(find_value("acuracy").unwrap_err().contains("\"accuracy\""));
        assert!(find_value("zzzzzz").unwrap_err().contains("log_loss"));
        assert!(!find_value("log_loss").unwrap().higher_is_better);
    }

    #[test]
    fn better_and_reached_follow_the_direction_and_a_nan_is_neither() {
        let (up, down) = (MetricValue::higher("a"), MetricValue::lower("b"));
        assert!(up.is_better(0.9, 0.8, 0.0) && !up.is_better(0.9, 0.8, 0.2));
        assert!(down.is_better(0.1, 0.2, 0.0) && !down.is_better(0.2, 0.1, 0.0));
        assert!(up.reaches(0.9, 0.9) && down.reaches(0.9, 0.9));
        for value in [up, down] {
            assert!(!value.is_better(f64::NAN, 0.5, 0.0) && !value.reaches(f64::NAN, 0.5));
        }
    }
}
