//! Judges a model on a split.

use std::collections::BTreeMap;
use std::sync::Arc;

use mofang_data::{CompiledPipeline, Split};
use mofang_types::{ArtifactDigest, Tensor};
use serde::{Deserialize, Serialize};

use crate::bootstrap::{RESAMPLES_USUAL, intervals};
use crate::judging::{EvaluateError, InferFailure, Questions};
use crate::metrics::{self, ClassOutcomes, ConfusionMatrix, Outcomes};
use crate::mistakes::{Mistake, misheard, most_confused};
use crate::residuals::Residuals;

/// How good a model is on a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The SHA-256 of the split.
    pub split_digest: ArtifactDigest,
    /// How many examples it has; for a language model, how many tokens were judged.
    pub examples: usize,
    /// Every metric's values, by name.
    pub metrics: BTreeMap<String, f64>,
    /// Between which values 95 % of resamples are, by the metric's value; without those that have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intervals: BTreeMap<String, [f64; 2]>,
    /// How many resamples of the examples, or of the windows of a language model, the intervals are of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resamples: usize,
    /// The numbers of each class, in the order of the labels; none where answers are numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassEvaluation>,
    /// Which classes were taken for which; of none where answers are numbers.
    #[serde(default, skip_serializing_if = "ConfusionMatrix::is_empty")]
    pub confusion: ConfusionMatrix,
    /// The surest mistakes, surest first.
    #[serde(default)]
    pub most_confused: Vec<Mistake>,
    /// How far answers that are numbers are from the truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residuals: Option<Residuals>,
    /// What answers without a model would have reached, by name: every metric's values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub baselines: BTreeMap<String, BTreeMap<String, f64>>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(resamples: &usize) -> bool {
    *resamples == 0
}

/// How good a model is on a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassEvaluation {
    /// The class.
    pub label: String,
    /// How many examples are of it.
    pub support: u64,
    /// Of what was taken for it, the share that is of it.
    pub precision: f64,
    /// Of what is of it, the share that was taken for it.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

/// How an evaluation is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluateSettings {
    /// Examples that go through the model together, at least 1.
    pub batch_size: usize,
    /// How many of the surest mistakes are listed.
    pub most_confused: usize,
    /// Threads that prepare examples, at least 1.
    pub loader_threads: usize,
    /// Most resamples that intervals are made of; none are made of fewer than 100.
    pub bootstrap: usize,
    /// The seed of the resamples.
    pub seed: u64,
}

impl Default for EvaluateSettings {
    fn default() -> Self {
        Self {
            batch_size: 256,
            most_confused: 24,
            loader_threads: 1,
            bootstrap: RESAMPLES_USUAL,
            seed: 0,
        }
    }
}

/// Judges the model behind `infer`, which takes a prepared batch and gives logits
/// `[batch, classes]`, on every example of `split`, prepared by `pipeline`. A language model is judged on every
/// token: it takes ids `[batch, length]` and gives logits for each, `[batch · length, vocabulary]`.
///
/// # Errors
/// When an example cannot be prepared, the model fails, or its output is not finite or of another
/// shape.
pub fn evaluate(
    split: &Arc<Split>,
    pipeline: &CompiledPipeline,
    infer: &mut dyn FnMut(&Tensor) -> Result<Tensor, InferFailure>,
    labels: &[String],
    settings: &EvaluateSettings,
) -> Result<Evaluation, EvaluateError> {
    let questions = Questions::of(
        split,
        &Arc::new(pipeline.clone()),
        settings.batch_size.max(1),
        settings.loader_threads.max(1),
    )?;
    let outcomes = questions.outcomes(pipeline, infer, labels.len())?;
    Ok(Evaluation::new(split, &outcomes, labels, settings))
}

impl Evaluation {
    fn new(
        split: &Split,
        outcomes: &Outcomes,
        labels: &[String],
        settings: &EvaluateSettings,
    ) -> Self {
        let mistakes_max = settings.most_confused;
        let metrics = metrics::compute_all(outcomes);
        let intervals = intervals(outcomes, &metrics, settings.bootstrap, settings.seed);
        let evaluation = Self {
            split_digest: split.digest(),
            examples: outcomes.len(),
            metrics,
            intervals: intervals.bounds,
            resamples: intervals.resamples,
            classes: Vec::new(),
            confusion: ConfusionMatrix::default(),
            most_confused: Vec::new(),
            residuals: None,
            baselines: BTreeMap::new(),
        };
        match outcomes {
            Outcomes::Classes(outcomes) => {
                evaluation.with_classes(split, outcomes, labels, mistakes_max)
            }
            Outcomes::Numbers(outcomes) => Self {
                residuals: Some(Residuals::of(split, outcomes, mistakes_max)),
                ..evaluation
            },
            Outcomes::Tokens(_) => evaluation,
            Outcomes::Transcripts(outcomes) => Self {
                most_confused: misheard(split, outcomes, mistakes_max),
                ..evaluation
            },
        }
    }

    /// A value of a metric as people read it, with its interval where it has one: `0.9310 [0.9261, 0.9358]`.
    pub fn shown(&self, metric: &str) -> String {
        let Some(value) = self.metrics.get(metric) else {
            return "-".to_owned();
        };
        match self.intervals.get(metric) {
            Some([low, high]) => format!("{value:.4} [{low:.4}, {high:.4}]"),
            None => format!("{value:.4}"),
        }
    }

    /// Whether it is of a language model, of which tokens are judged in place of examples.
    pub fn is_of_tokens(&self) -> bool {
        // Perplexity is left out where it is too large for a number.
        self.metrics.contains_key("cross_entropy")
    }

    /// What the intervals are, in a sentence; none where there is none.
    pub fn interval_note(&self) -> Option<String> {
        let drawn = if self.is_of_tokens() {
            "windows"
        } else {
            "examples"
        };
        let resamples = self.resamples;
        (resamples > 0).then(|| {
            format!("In brackets: the middle 95 % of {resamples} resamples of the {drawn}.")
        })
    }

    fn with_classes(
        self,
        split: &Split,
        outcomes: &ClassOutcomes,
        labels: &[String],
        mistakes_max: usize,
    ) -> Self {
        let confusion = outcomes.confusion().clone();
        let classes = labels
            .iter()
            .enumerate()
            .map(|(class, label)| ClassEvaluation {
                label: label.clone(),
                support: confusion.support(class),
                precision: confusion.precision(class),
                recall: confusion.recall(class),
                f1: confusion.f1(class),
            })
            .collect();
        Self {
            classes,
            confusion,
            most_confused: most_confused(split, outcomes, labels, mistakes_max),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use mofang_data::{Example, Pipeline, Pixels, RawExample, Target};
    use mofang_types::{Coded as _, ErrorCode};
    use serde_json::json;

    use super::*;
    use crate::metrics::OutcomesError;

    fn split() -> Arc<Split> {
        let examples = (0..7_u8)
            .map(|value| Example {
                id: format!("e{value}"),
                input: RawExample::Pixels(Pixels::new(1, 1, 1, vec![value]).unwrap()),
                target: Target::Class(usize::from(value % 2)),
            })
            .collect();
        Arc::new(Split::new(examples))
    }

    fn run(
        infer: &mut dyn FnMut(&Tensor) -> Result<Tensor, InferFailure>,
    ) -> Result<Evaluation, EvaluateError> {
        let labels = ["even".to_owned(), "odd".to_owned()];
        let pipeline = Pipeline::from_json(&json!({
            "transforms": [],
            "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 1}, {"type": "labels"}],
        }))
        .unwrap()
        .compile(&labels)
        .unwrap();
        let settings = EvaluateSettings {
            batch_size: 3,
            ..EvaluateSettings::default()
        };
        evaluate(&split(), &pipeline, infer, &labels, &settings)
    }

    /// Says "odd", the surer the brighter.
    fn odd() -> impl FnMut(&Tensor) -> Result<Tensor, InferFailure> {
        |batch: &Tensor| {
            let values = batch.data().iter();
            let logits = values.flat_map(|value| [0.0, 1.0 + value]).collect();
            Ok(Tensor::new(vec![batch.data().len(), 2], logits).unwrap())
        }
    }

    #[test]
    fn values_are_shown_with_their_intervals_where_they_have_some() {
        let evaluation = run(&mut odd()).unwrap();
        let [low, high] = evaluation.intervals["accuracy"];
        assert!(low < 3.0 / 7.0 && 3.0 / 7.0 < high, "{low} {high}");
        assert_eq!(
            evaluation.shown("accuracy"),
            format!("0.4286 [{low:.4}, {high:.4}]")
        );
        assert_eq!(
            evaluation.interval_note().unwrap(),
            "In brackets: the middle 95 % of 1000 resamples of the examples."
        );
        let without = Evaluation {
            intervals: BTreeMap::new(),
            resamples: 0,
            ..evaluation
        };
        assert_eq!(without.shown("accuracy"), "0.4286");
        assert_eq!(without.shown("rmse"), "-");
        assert_eq!(without.interval_note(), None);
        let json = serde_json::to_value(&without).unwrap();
        assert!(json.get("intervals").is_none() && json.get("resamples").is_none());
        let read: Evaluation = serde_json::from_value(json).unwrap();
        assert!(read.intervals.is_empty());
    }

    #[test]
    fn a_split_is_judged_in_batches_and_mistakes_are_listed_surest_first() {
        let evaluation = run(&mut odd()).unwrap();
        assert_eq!(evaluation.confusion.counts, [[0, 4], [0, 3]]);
        assert!((evaluation.metrics["accuracy"] - 3.0 / 7.0).abs() < 1e-12);
        let ids: Vec<&str> = evaluation
            .most_confused
            .iter()
            .map(|m| m.id.as_str())
            .collect();
        assert_eq!(ids, ["e6", "e4", "e2", "e0"]);
        assert_eq!(evaluation.classes[1].support, 3);
    }

    #[test]
    fn a_model_that_fails_or_gives_nonsense_is_not_judged() {
        let empty = || Tensor::new(vec![0], vec![]).unwrap();
        let error = run(&mut |_| Err(Box::new(OutcomesError::Empty))).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        assert!(matches!(error, EvaluateError::Infer(_)));
        assert!(matches!(
            run(&mut |_| Ok(empty())),
            Err(EvaluateError::Outcomes(_))
        ));
        let error = run(&mut |batch| {
            let count = batch.data().len();
            Ok(Tensor::new(vec![count, 2], vec![f32::NAN; 2 * count]).unwrap())
        })
        .unwrap_err();
        assert!(error.to_string().contains("not finite"), "{error}");
    }
}
