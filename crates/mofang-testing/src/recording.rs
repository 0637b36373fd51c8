//! Recordings to send, and models that take them.

use std::collections::BTreeMap;

use mofang_artifacts::PackageDraft;
use mofang_audio::{AudioError, Waveform, encode_wav};
use mofang_nn::{Network, NetworkSpec, NnError, ParameterInfo, cpu_device};
use mofang_types::{ArchitectureSpec, ModelInput, ModelSignature, Task, WEIGHTS_FILE};
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

/// The index of the label that [`tiny_speech_draft`] hears in every recording.
const HEARD: usize = 7;

/// A package that writes down what is said in a recording, with random weights but for the label `7`, which is
/// by far the most probable at every step: the text is `7`, whatever the recording.
///
/// # Errors
/// When the architecture refuses its configuration.
pub fn tiny_speech_draft(seed: u64) -> Result<PackageDraft, NnError> {
    let input = ModelInput::image(FEATURES_SHAPE);
    let architecture = ArchitectureSpec {
        name: "crnn".to_owned(),
        config: json!({
            "channels": [4], "time_strides": [1], "hidden_size": 4, "layers": 1, "dropout": 0, "recurrent_dropout": 0,
        }),
    };
    let spec = NetworkSpec {
        architecture: architecture.clone(),
        input: input.clone(),
        // Behind the labels stands the blank.
        outputs: LABELS.len() + 1,
    };
    let network = Network::new(&spec, seed, &cpu_device())?;
    let network = network.map_values(&mut |info: &ParameterInfo, values: &[f32]| {
        if info.name != "fc.bias" {
            return None;
        }
        let mut values = values.to_vec();
        // No sum of eight states, which are below 1, comes near it.
        *values.get_mut(HEARD)? = 16.0;
        Some(values)
    })?;
    let mut draft = tiny_recording_draft(seed)?;
    let manifest = &mut draft.manifest;
    manifest.task = Task::SpeechRecognition;
    manifest.architecture = architecture;
    manifest.signature = ModelSignature::of(&input, Task::SpeechRecognition, spec.outputs);
    // Times are those of the recording when it stands at the start of what the model reads.
    manifest.pipeline["transforms"][2]["align"] = json!("start");
    manifest.pipeline["decoders"] = json!([{ "type": "ctc", "beam_width": 4, "separator": " " }]);
    let weights = network.to_safetensors()?;
    draft.files.insert(WEIGHTS_FILE.to_owned(), weights);
    Ok(draft)
}
