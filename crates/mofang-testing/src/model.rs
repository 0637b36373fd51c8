//! A real model that is too small to take time.

use std::collections::BTreeMap;

use mofang_artifacts::PackageDraft;
use mofang_data::text::{
    TOKENIZER_FILE, Template, Tokenizer, TokenizerModel, TrainTokenizer, train_tokenizer,
};
use mofang_data::{Pipeline, PipelineFiles};
use mofang_nn::{Network, NetworkSpec, NnError, ParameterInfo, cpu_device};
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

/// The characters that models of texts know.
const ALPHABET: &str = "the quick brown fox: 你好";

/// A package around a convolution over up to 8 characters of a text, with random weights.
///
/// # Errors
/// When the architecture refuses its configuration, or the tokenizer cannot be trained.
pub fn tiny_text_draft(seed: u64) -> Result<PackageDraft, Box<dyn std::error::Error>> {
    let model = TextModel {
        task: Task::TextClassification,
        architecture: tiny_convolution(),
        template: Template::Around,
        pipeline: json!({
            "transforms": [
                { "type": "clean_text" },
                { "type": "tokenize", "model": "characters" },
                { "type": "truncate", "length_max": 8 },
            ],
            "decoders": [{ "type": "softmax" }, { "type": "top_k", "k": 2 }, { "type": "labels" }],
        }),
        labels: TEXT_LABELS.map(str::to_owned).to_vec(),
        outputs: |_| TEXT_LABELS.len(),
        finish: Ok,
    };
    model.draft(seed)
}

/// A package that gives the embedding, six numbers, of up to 8 characters of a text, with random weights.
///
/// # Errors
/// As [`tiny_text_draft`].
pub fn tiny_embedding_draft(seed: u64) -> Result<PackageDraft, Box<dyn std::error::Error>> {
    let model = TextModel {
        task: Task::Embedding,
        architecture: tiny_convolution(),
        template: Template::Around,
        pipeline: json!({
            "transforms": [
                { "type": "tokenize", "model": "characters" },
                { "type": "truncate", "length_max": 8 },
            ],
            "decoders": [{ "type": "embedding" }],
        }),
        labels: Vec::new(),
        outputs: |_| 6,
        finish: Ok,
    };
    model.draft(seed)
}

/// A package that goes on with texts, character by character, with random weights, reading the last 16. It never
/// ends a text by itself, so that tests know how long texts are: 12 characters where nobody says it.
///
/// # Errors
/// As [`tiny_text_draft`].
pub fn tiny_language_draft(seed: u64) -> Result<PackageDraft, Box<dyn std::error::Error>> {
    let model = TextModel {
        task: Task::TextGeneration,
        architecture: ArchitectureSpec {
            name: "gpt2".to_owned(),
            config: json!({ "n_embd": 24, "n_head": 2, "n_layer": 1, "n_positions": 16 }),
        },
        template: Template::Behind,
        pipeline: json!({
            "transforms": [
                { "type": "tokenize", "model": "characters" },
                { "type": "truncate", "length_max": 16 },
            ],
            "decoders": [{ "type": "sample" }, { "type": "stop", "max_tokens": 12 }, { "type": "detokenize" }],
        }),
        labels: Vec::new(),
        outputs: |tokens| tokens,
        finish: endless,
    };
    model.draft(seed)
}

fn tiny_convolution() -> ArchitectureSpec {
    ArchitectureSpec {
        name: "text_cnn".to_owned(),
        config: json!({ "embedding_size": 4, "filters": 4, "widths": [1, 2] }),
    }
}

/// The id of the token behind a text, which every tokenizer of ours has there.
const END_ID: usize = 3;

/// The same language model, for which the end of the text is never probable: the first value of each row is
/// large, and the row of the end alone has one there, which is negative.
fn endless(network: Network) -> Result<Network, NnError> {
    network.map_values(&mut |info: &ParameterInfo, values: &[f32]| {
        let mut values = values.to_vec();
        match (info.name.as_str(), info.shape.as_slice()) {
            ("transformer.ln_f.bias", _) => *values.first_mut()? = 16.0,
            ("transformer.wte.weight", [_, width]) => {
                for (id, row) in values.chunks_exact_mut(*width).enumerate() {
                    *row.first_mut()? = if id == END_ID { -16.0 } else { 0.0 };
                }
            }
            _ => return None,
        }
        Some(values)
    })
}

/// A model of texts over the characters of the alphabet.
struct TextModel {
    task: Task,
    architecture: ArchitectureSpec,
    template: Template,
    pipeline: serde_json::Value,
    labels: Vec<String>,
    /// How many outputs it has for so many tokens.
    outputs: fn(usize) -> usize,
    /// What becomes of the random weights.
    finish: fn(Network) -> Result<Network, NnError>,
}

impl TextModel {
    fn draft(self, seed: u64) -> Result<PackageDraft, Box<dyn std::error::Error>> {
        let characters = TrainTokenizer {
            model: TokenizerModel::Characters,
            vocabulary_size: 100,
            min_frequency: 1,
            template: self.template,
        };
        let tokenizer = train_tokenizer([ALPHABET].into_iter(), characters)?;
        let mut files = PipelineFiles::from([(TOKENIZER_FILE.to_owned(), tokenizer)]);
        let compiled = Pipeline::from_json(&self.pipeline)?.compile_with(&self.labels, &files)?;
        let input = compiled.input().ok_or("the pipeline fixes no input")?;
        let tokens = compiled.tokenizer().map(Tokenizer::vocabulary_size);
        let outputs = (self.outputs)(tokens.unwrap_or_default());
        let spec = NetworkSpec {
            architecture: self.architecture.clone(),
            input: input.clone(),
            outputs,
        };
        let network = (self.finish)(Network::new(&spec, seed, &cpu_device())?)?;
        files.insert(WEIGHTS_FILE.to_owned(), network.to_safetensors()?);
        Ok(PackageDraft {
            manifest: PackageManifest {
                task: self.task,
                architecture: self.architecture,
                signature: ModelSignature::of(&input, self.task, outputs),
                input: Some(input),
                pipeline: self.pipeline,
                labels: self.labels,
                ..tiny_draft(seed)?.manifest
            },
            files,
        })
    }
}
