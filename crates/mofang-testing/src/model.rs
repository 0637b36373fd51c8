//! A real model that is too small to take time.

use std::collections::BTreeMap;

use mofang_artifacts::PackageDraft;
use mofang_data::text::{TOKENIZER_FILE, TokenizerModel, TrainTokenizer, train_tokenizer};
use mofang_data::{Pipeline, PipelineFiles};
use mofang_nn::{Network, NetworkSpec, NnError, cpu_device};
use mofang_types::{
    ArchitectureSpec, MANIFEST_FORMAT_VERSION, ModelInput, ModelSignature, PackageManifest,
    Provenance, Task, WEIGHTS_FILE,
};
use serde_json::json;

/// What the model takes: `[channels, height, width]`.
pub const IMAGE_SHAPE: [usize; 3] = [1, 8, 8];

/// The labels of its classes.
pub const LABELS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// A package around one small convolution block with random weights.
///
/// # Errors
/// When the architecture refuses its configuration.
pub fn tiny_draft(seed: u64) -> Result<PackageDraft, NnError> {
    draft_of(seed, ModelInput::image(IMAGE_SHAPE))
}

/// The same around a network for other images.
pub(crate) fn draft_of(seed: u64, input: ModelInput) -> Result<PackageDraft, NnError> {
    let architecture = ArchitectureSpec {
        name: "simple_cnn".to_owned(),
        config: json!({ "blocks": [{ "channels": 4 }], "hidden": [] }),
    };
    let spec = NetworkSpec {
        architecture: architecture.clone(),
        input,
        outputs: LABELS.len(),
    };
    let weights = Network::new(&spec, seed, &cpu_device())?.to_safetensors()?;
    Ok(PackageDraft {
        manifest: PackageManifest {
            format_version: MANIFEST_FORMAT_VERSION,
            task: Task::ImageClassification,
            architecture,
            signature: ModelSignature::image_classifier(IMAGE_SHAPE, LABELS.len()),
            input: None,
            pipeline: json!({
                "transforms": [
                    { "type": "decode" },
                    { "type": "convert", "color": "grayscale" },
                    { "type": "resize", "height": 8, "width": 8 },
                    { "type": "normalize", "mean": [0.5], "std": [0.5] },
                ],
                "decoders": [{ "type": "softmax" }, { "type": "top_k", "k": 3 }, { "type": "labels" }],
            }),
            labels: LABELS.map(str::to_owned).to_vec(),
            metrics: BTreeMap::from([("accuracy".to_owned(), 0.1)]),
            provenance: Provenance::default(),
            description: "random weights, for tests".to_owned(),
            created_unix_ms: 1_700_000_000_000,
            files: Vec::new(),
        },
        files: BTreeMap::from([(WEIGHTS_FILE.to_owned(), weights)]),
    })
}

/// The labels of the model of texts.
pub const TEXT_LABELS: [&str; 2] = ["ham", "spam"];

/// A package around a convolution over up to 8 characters of a text, with random weights.
///
/// # Errors
/// When the architecture refuses its configuration, or the tokenizer cannot be trained.
pub fn tiny_text_draft(seed: u64) -> Result<PackageDraft, Box<dyn std::error::Error>> {
    let architecture = ArchitectureSpec {
        name: "text_cnn".to_owned(),
        config: json!({ "embedding_size": 4, "filters": 4, "widths": [1, 2] }),
    };
    let pipeline = json!({
        "transforms": [
            { "type": "clean_text" },
            { "type": "tokenize", "model": "characters" },
            { "type": "truncate", "length_max": 8 },
        ],
        "decoders": [{ "type": "softmax" }, { "type": "top_k", "k": 2 }, { "type": "labels" }],
    });
    let alphabet = TrainTokenizer {
        model: TokenizerModel::Characters,
        vocabulary_size: 100,
        min_frequency: 1,
        template: mofang_data::text::Template::Around,
    };
    let tokenizer = train_tokenizer(["the quick brown fox: 你好"].into_iter(), alphabet)?;
    let files = PipelineFiles::from([(TOKENIZER_FILE.to_owned(), tokenizer)]);
    let labels = TEXT_LABELS.map(str::to_owned).to_vec();
    let compiled = Pipeline::from_json(&pipeline)?.compile_with(&labels, &files)?;
    let input = compiled.input().ok_or("the pipeline fixes no input")?;
    let spec = NetworkSpec {
        architecture: architecture.clone(),
        input: input.clone(),
        outputs: TEXT_LABELS.len(),
    };
    let weights = Network::new(&spec, seed, &cpu_device())?.to_safetensors()?;
    let task = Task::TextClassification;
    let mut files = files;
    files.insert(WEIGHTS_FILE.to_owned(), weights);
    Ok(PackageDraft {
        manifest: PackageManifest {
            task,
            architecture,
            signature: ModelSignature::of(&input, task, TEXT_LABELS.len()),
            input: Some(input),
            pipeline,
            labels,
            ..tiny_draft(seed)?.manifest
        },
        files,
    })
}
