//! What a model says of a split, beside the truth.

use std::sync::Arc;

use mofang_data::{
    CompiledPipeline, DataError, DataLoader, LoaderSettings, Split, Target, WindowLoader,
    WindowSettings,
};
use mofang_types::{Coded, ErrorCode, ModelInput, Prediction, Tensor};

use crate::metrics::{
    ClassOutcomes, Heard, NumberOutcomes, Outcomes, OutcomesError, TokenOutcomes,
    TranscriptOutcomes,
};

/// What a model failed with; the caller's own error.
pub type InferFailure = Box<dyn Coded + Send + Sync>;

/// Why a model could not be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// An example could not be prepared.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model failed.
    #[error("the model failed: {0}")]
    Infer(InferFailure),
    /// The model's output cannot be judged.
    #[error(transparent)]
    Outcomes(#[from] OutcomesError),
}

impl Coded for EvaluateError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Data(error) => error.code(),
            Self::Infer(error) => error.code(),
            Self::Outcomes(error) => error.code(),
        }
    }
}

/// Most logits of a batch of windows, of a quarter of a gigabyte.
const LOGITS_MAX: usize = 1 << 26;

/// What a model is asked about a split, batch by batch in the order of the split.
pub(crate) enum Questions {
    /// Examples.
    Examples(DataLoader),
    /// Windows of texts, for a language model: every token but the first once.
    Windows(WindowLoader),
}

impl Questions {
    /// Those about all of a split, so many examples in a batch, and as many windows or as few as there is room for.
    pub(crate) fn of(
        split: &Arc<Split>,
        pipeline: &Arc<CompiledPipeline>,
        batch_size: usize,
        threads: usize,
    ) -> Result<Self, DataError> {
        if pipeline.generation().is_some() {
            let settings = WindowSettings {
                batch_size: windows_of_batch(batch_size, pipeline.input().as_ref()),
                seed: None,
                drop_last: false,
            };
            return WindowLoader::new(split, pipeline, settings).map(Self::Windows);
        }
        let settings = LoaderSettings {
            batch_size,
            threads,
            ..LoaderSettings::default()
        };
        DataLoader::new(Arc::clone(split), Arc::clone(pipeline), settings).map(Self::Examples)
    }

    /// What the model behind `infer` says of all of it.
    pub(crate) fn outcomes(
        &self,
        pipeline: &CompiledPipeline,
        infer: &mut dyn FnMut(&Tensor) -> Result<Tensor, InferFailure>,
        classes: usize,
    ) -> Result<Outcomes, EvaluateError> {
        match self {
            Self::Examples(loader) => outcomes_of_examples(loader, pipeline, infer, classes),
            Self::Windows(loader) => outcomes_of_windows(loader, infer),
        }
    }
}

/// How many of the wanted windows go through a language model together. It gives a logit for each token of each window
/// and each token of the vocabulary: of 256 windows of GPT-2 these are more than 50 gigabytes.
fn windows_of_batch(wanted: usize, input: Option<&ModelInput>) -> usize {
    let Some(ModelInput::Tokens {
        vocabulary_size,
        length_max,
        ..
    }) = input
    else {
        return wanted;
    };
    let of_window = vocabulary_size.saturating_mul(*length_max);
    (LOGITS_MAX / of_window.max(1)).clamp(1, wanted.max(1))
}

fn outcomes_of_examples(
    loader: &DataLoader,
    pipeline: &CompiledPipeline,
    infer: &mut dyn FnMut(&Tensor) -> Result<Tensor, InferFailure>,
    classes: usize,
) -> Result<Outcomes, EvaluateError> {
    let mut outputs = Vec::new();
    let mut truth = Vec::new();
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let output = infer(&batch.inputs).map_err(EvaluateError::Infer)?;
        let indices = batch.indices.iter();
        truth.extend(indices.filter_map(|index| loader.target(*index)));
        outputs.extend_from_slice(output.data());
    }
    judge_outputs(&outputs, &truth, pipeline, classes)
}

fn outcomes_of_windows(
    loader: &WindowLoader,
    infer: &mut dyn FnMut(&Tensor) -> Result<Tensor, InferFailure>,
) -> Result<Outcomes, EvaluateError> {
    let mut outcomes = TokenOutcomes::new(loader.bytes());
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let logits = infer(&batch.inputs).map_err(EvaluateError::Infer)?;
        let next: Vec<usize> = batch.targets.iter().filter_map(Target::class).collect();
        let last = |tensor: &Tensor| tensor.shape().last().copied().unwrap_or(0);
        let (vocabulary, window) = (last(&logits), last(&batch.inputs));
        outcomes.add(logits.data(), &next, vocabulary, window)?;
    }
    Ok(Outcomes::Tokens(outcomes.checked()?))
}

/// What outputs `[examples, outputs of the model]` say beside the truth.
pub(crate) fn judge_outputs(
    outputs: &[f32],
    truth: &[Target],
    pipeline: &CompiledPipeline,
    classes: usize,
) -> Result<Outcomes, EvaluateError> {
    if pipeline.transcription().is_some() {
        return transcripts(outputs, truth, pipeline);
    }
    let numbers: Vec<f64> = truth.iter().filter_map(Target::number).collect();
    if numbers.is_empty() {
        let labels: Vec<usize> = truth.iter().filter_map(Target::class).collect();
        let outcomes = ClassOutcomes::from_logits(outputs, &labels, classes)?;
        return Ok(Outcomes::Classes(outcomes));
    }
    // Judged in the units of the dataset, whatever those of the model are.
    let predicted = outputs.chunks_exact(classes.max(1));
    let predicted = predicted
        .filter_map(|row| pipeline.number_of(row))
        .collect();
    Ok(Outcomes::Numbers(NumberOutcomes::new(predicted, numbers)?))
}

/// What outputs `[recordings, steps · outputs]` say beside what was said.
fn transcripts(
    outputs: &[f32],
    truth: &[Target],
    pipeline: &CompiledPipeline,
) -> Result<Outcomes, EvaluateError> {
    let width = outputs.len() / truth.len().max(1);
    let mut pairs = Vec::with_capacity(truth.len());
    for (example, (row, target)) in outputs.chunks_exact(width.max(1)).zip(truth).enumerate() {
        if row.iter().any(|output| !output.is_finite()) {
            return Err(OutcomesError::NotFinite { example }.into());
        }
        let Prediction::Transcript(heard) = pipeline.decode(row, None)? else {
            continue;
        };
        pairs.push(Heard {
            text: heard.text,
            truth: pipeline.transcript_of(target).unwrap_or_default(),
            probability: f64::from(heard.probability),
        });
    }
    Ok(Outcomes::Transcripts(TranscriptOutcomes::new(pairs)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_model_is_asked_about_as_many_windows_as_there_is_room_for() {
        for (vocabulary_size, length_max, windows) in [
            (65, 64, 256),
            (8_192, 128, 64),
            (50_257, 1_024, 1),
            (usize::MAX, 8_192, 1),
        ] {
            let input = ModelInput::Tokens {
                vocabulary_size,
                length_max,
                padding_id: 0,
            };
            assert_eq!(windows_of_batch(256, Some(&input)), windows, "{input}");
        }
        assert_eq!(windows_of_batch(256, None), 256);
    }
}
