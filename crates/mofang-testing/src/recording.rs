//! Recordings to send, and a model that takes them.

use std::collections::BTreeMap;

use mofang_artifacts::PackageDraft;
use mofang_audio::{AudioError, Waveform, encode_wav};
use mofang_nn::NnError;
use mofang_types::{ModelInput, ModelSignature, Task};
use serde_json::json;

use crate::model::{LABELS, draft_of};

/// What the model makes of a recording: a channel, bands and frames.
const FEATURES_SHAPE: [usize; 3] = [1, 8, 11];

/// A tone of half a second as a WAV file.
///
/// # Errors
/// When the sample rate is none that sound is recorded at.
pub fn tone_wav(sample_rate: u32) -> Result<Vec<u8>, AudioError> {
    // A cycle of twenty samples.
    let samples = (0..sample_rate / 2)
        .map(|index| if index % 20 < 10 { 0.5 } else { -0.5 })
        .collect();
    Ok(encode_wav(&Waveform::new(sample_rate, samples)?))
}

/// A package that tells recordings apart, with random weights.
///
/// # Errors
/// When the architecture refuses its configuration.
pub fn tiny_recording_draft(seed: u64) -> Result<PackageDraft, NnError> {
    let input = ModelInput::image(FEATURES_SHAPE);
    let mut draft = draft_of(seed, input.clone())?;
    draft.manifest.task = Task::AudioClassification;
    draft.manifest.signature = ModelSignature::of(&input, Task::AudioClassification, LABELS.len());
    draft.manifest.pipeline = json!({
        "transforms": [
            { "type": "decode_audio" },
            { "type": "resample_audio", "sample_rate": 8000 },
            { "type": "pad_or_trim", "seconds": 1.0 },
            { "type": "log_mel", "n_fft": 256, "hop_length": 800, "n_mels": 8 },
        ],
        "decoders": [{ "type": "softmax" }, { "type": "top_k", "k": 3 }, { "type": "labels" }],
    });
    draft.manifest.metrics = BTreeMap::new();
    Ok(draft)
}
