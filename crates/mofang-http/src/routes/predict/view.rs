//! How predictions are shown.

use mofang_serving::PredictOutcome;
use mofang_types::Prediction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ApiError;

/// The predictions of one request, in the order of its inputs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PredictView {
    /// The model that answered.
    #[schema(example = "digits")]
    pub model: String,
    /// The number of its version.
    #[schema(example = 1)]
    pub version: u32,
    /// One for each input.
    pub predictions: Vec<PredictionView>,
}

/// The answer to one input: classes, or an error.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct PredictionView {
    /// The most probable classes, most probable first; absent when the input failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<ClassView>>,
    /// Where the time went; absent when the input failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<TimingView>,
    /// Why the input has no prediction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<InputError>,
}

/// A class with its probability.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClassView {
    /// The label of the class.
    #[schema(example = "7")]
    pub label: String,
    /// The index of the class in the model's output.
    pub index: usize,
    /// The probability, 0 to 1.
    #[schema(example = 0.993)]
    pub probability: f32,
}

/// Where the time of an answer went.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TimingView {
    /// Waiting for the batch.
    pub queue_ms: f64,
    /// Computing the batch.
    pub infer_ms: f64,
}

/// Why an input has no prediction.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InputError {
    /// The kind of failure, for programs.
    #[schema(example = "invalid_input")]
    pub code: String,
    /// What exactly went wrong.
    pub detail: String,
}

impl PredictView {
    pub(super) fn new(
        model: &str,
        version: u32,
        results: Vec<Result<PredictOutcome, ApiError>>,
    ) -> Self {
        Self {
            model: model.to_owned(),
            version,
            predictions: results
                .into_iter()
                .map(|result| match result {
                    Ok(outcome) => outcome.into(),
                    Err(error) => PredictionView {
                        error: Some(InputError {
                            code: error.code().to_owned(),
                            detail: error.detail,
                        }),
                        ..PredictionView::default()
                    },
                })
                .collect(),
        }
    }
}

impl From<PredictOutcome> for PredictionView {
    fn from(outcome: PredictOutcome) -> Self {
        let Prediction::ImageClassification { classes } = outcome.prediction;
        Self {
            classes: Some(
                classes
                    .into_iter()
                    .map(|class| ClassView {
                        label: class.label,
                        index: class.index,
                        probability: class.probability,
                    })
                    .collect(),
            ),
            timing: Some(TimingView {
                queue_ms: outcome.queue_ms,
                infer_ms: outcome.infer_ms,
            }),
            error: None,
        }
    }
}
