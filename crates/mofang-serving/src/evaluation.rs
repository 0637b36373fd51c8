//! How good a version is on a split of a dataset.

use mofang_data::{DataError, Dataset, SplitReference, SplitSettings};
use mofang_runtime::Predictor;
use mofang_train::{
    DataSection, EvaluateError, EvaluateSettings, Evaluation, InferFailure, evaluate as judge,
};
use mofang_types::{Coded, ErrorCode, PackageManifest, Tensor};

/// Why a version could not be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The dataset cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The dataset is about other classes.
    #[error(
        "the dataset \"{dataset}\" has the labels {}, and the model has {}",
        listed(.dataset_labels), listed(.model_labels)
    )]
    OtherLabels {
        /// The dataset.
        dataset: String,
        /// Its labels.
        dataset_labels: Vec<String>,
        /// The model's labels.
        model_labels: Vec<String>,
    },
    /// The model could not be judged on it.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

impl Coded for EvaluationError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Data(error) => error.code(),
            Self::OtherLabels { .. } => ErrorCode::InvalidInput,
            Self::Evaluate(error) => error.code(),
        }
    }
}

/// How many labels a message lists.
const LISTED_MAX: usize = 5;

fn listed(labels: &[String]) -> String {
    let shown: Vec<&str> = labels.iter().take(LISTED_MAX).map(String::as_str).collect();
    match labels.len().saturating_sub(LISTED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Judges a version on a split. A dataset that the version was trained on is split as it was then,
/// so that its test split is the one that the training has not seen; `load` is given these settings.
/// Before each batch, `proceed` is asked whether to go on.
///
/// # Errors
/// When the dataset is not there or about other classes, the model fails, or `proceed` does.
pub fn evaluate(
    predictor: &Predictor,
    reference: &SplitReference,
    load: impl FnOnce(&SplitSettings) -> Result<Dataset, DataError>,
    proceed: &mut dyn FnMut() -> Result<(), InferFailure>,
) -> Result<Evaluation, EvaluationError> {
    let manifest = predictor.manifest();
    let dataset = load(&split_settings(manifest, &reference.dataset))?;
    // A language model reads any text, whatever its labels are.
    if predictor.generation().is_none() && dataset.labels != manifest.labels {
        return Err(EvaluationError::OtherLabels {
            dataset: reference.dataset.clone(),
            dataset_labels: dataset.labels,
            model_labels: manifest.labels.clone(),
        });
    }
    let mut infer = |batch: &Tensor| -> Result<Tensor, InferFailure> {
        proceed()?;
        let outputs = if predictor.generation().is_some() {
            predictor.infer_steps(batch)
        } else {
            predictor.infer(batch)
        };
        outputs.map_err(|error| Box::new(error) as InferFailure)
    };
    Ok(judge(
        dataset.split(reference.split)?,
        predictor.pipeline(),
        &mut infer,
        &manifest.labels,
        &EvaluateSettings::default(),
    )?)
}

/// How the dataset was split when the version was trained on it; the default for any other.
fn split_settings(manifest: &PackageManifest, dataset: &str) -> SplitSettings {
    let recipe = manifest.provenance.recipe.as_deref();
    recipe
        .and_then(DataSection::of_text)
        .filter(|data| data.dataset == dataset)
        .map(|data| data.split)
        .unwrap_or_default()
}
