//! Folders of models of texts, as transformers and sentence-transformers write them.

use std::collections::BTreeMap;
use std::path::Path;

use mofang_data::RawExample;
use mofang_host::Placement;
use mofang_import::{
    Import, ImportError, ImportFile, ImportOptions, ImportRequest, files_to_import, import,
};
use mofang_nn::{Network, NetworkSpec, cpu_device};
use mofang_runtime::{Predictor, RuntimeSettings};
use mofang_types::testing::reference_data;
use mofang_types::{
    ArchitectureSpec, Coded as _, ErrorCode, ModelInput, Package, Prediction, Task, Tensor,
};
use serde_json::{Value, json};

use crate::alphabet::Folder;

pub(crate) fn import_folder(
    folder: &Folder,
    options: &ImportOptions,
) -> Result<Import, ImportError> {
    let names: Vec<&str> = folder.keys().map(String::as_str).collect();
    let files: Vec<ImportFile<'_>> = files_to_import(&names)
        .into_iter()
        .map(|name| ImportFile {
            name,
            bytes: &folder[name],
        })
        .collect();
    import(&ImportRequest {
        files: &files,
        options,
        created_unix_ms: 1_700_000_000_000,
        placement: &Placement::Here,
    })
}

pub(crate) fn predictor(import: &Import) -> Predictor {
    let package = Package {
        manifest: import.manifest.clone(),
        files: import.files.clone(),
    };
    Predictor::load(&package, &RuntimeSettings::default()).unwrap()
}

/// Words by whitespace, between `[CLS]` and `[SEP]`.
fn tokenizer() -> Vec<u8> {
    let words = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "cat", "dog", "sits",
    ];
    let vocabulary: BTreeMap<&str, usize> = words
        .into_iter()
        .enumerate()
        .map(|(id, word)| (word, id))
        .collect();
    let special = |id: usize, content: &str| {
        json!({
            "id": id, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true,
        })
    };
    let around = |id: &str| json!({ "SpecialToken": { "id": id, "type_id": 0 } });
    let token = |id: usize, name: &str| json!({ "id": name, "ids": [id], "tokens": [name] });
    serde_json::to_vec(&json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [
            special(0, "[PAD]"), special(1, "[UNK]"), special(2, "[CLS]"), special(3, "[SEP]"),
        ],
        "normalizer": null,
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                around("[CLS]"), { "Sequence": { "id": "A", "type_id": 0 } }, around("[SEP]"),
            ],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
            "special_tokens": { "[CLS]": token(2, "[CLS]"), "[SEP]": token(3, "[SEP]") },
        },
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]" },
    }))
    .unwrap()
}

fn config() -> Value {
    json!({
        "model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 12, "max_position_embeddings": 10, "vocab_size": 8, "pad_token_id": 0,
        "hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2,
        "position_embedding_type": "absolute", "use_cache": true,
    })
}

/// The weights of such a network; those of a pooler with them.
fn weights(head: &str, pooling: &str, vocabulary_size: usize, outputs: usize) -> Vec<u8> {
    let spec = NetworkSpec {
        architecture: ArchitectureSpec {
            name: "bert".to_owned(),
            config: json!({
                "head": head, "pooling": pooling, "hidden_size": 8, "num_hidden_layers": 1,
                "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": 10,
            }),
        },
        input: ModelInput::Tokens {
            vocabulary_size,
            length_max: 10,
            padding_id: 0,
        },
        outputs,
    };
    let network = Network::new(&spec, 5, &cpu_device()).unwrap();
    network.to_safetensors().unwrap()
}

fn folder(weights: Vec<u8>) -> Folder {
    [
        ("config.json", serde_json::to_vec(&config()).unwrap()),
        ("model.safetensors", weights),
        ("tokenizer.json", tokenizer()),
        ("README.md", b"a model".to_vec()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into()
}

/// With the steps of sentence-transformers.
fn sentence(mut folder: Folder, pooling: &Value, normalizes: bool) -> Folder {
    let class = |name: &str| format!("sentence_transformers.models.{name}");
    let mut modules = vec![
        json!({ "idx": 0, "name": "0", "path": "", "type": class("Transformer") }),
        json!({ "idx": 1, "name": "1", "path": "1_Pooling", "type": class("Pooling") }),
    ];
    if normalizes {
        modules.push(
            json!({ "idx": 2, "name": "2", "path": "2_Normalize", "type": class("Normalize") }),
        );
    }
    for (name, json) in [
        ("modules.json", &Value::Array(modules)),
        ("1_Pooling/config.json", pooling),
        ("sentence_bert_config.json", &json!({ "max_seq_length": 6 })),
    ] {
        folder.insert(name.to_owned(), serde_json::to_vec(json).unwrap());
    }
    folder
}

fn embedding(predictor: &Predictor, text: &str) -> Vec<f32> {
    let input = predictor
        .prepare(&RawExample::Text(text.to_owned()))
        .unwrap();
    let shape = [&[1], input.shape()].concat();
    let outputs = predictor
        .infer(&Tensor::new(shape, input.into_data()).unwrap())
        .unwrap();
    let prediction = predictor.decode(outputs.data(), None).unwrap();
    let Prediction::Embedding(values) = prediction else {
        panic!("{prediction:?}");
    };
    values
}

#[test]
fn an_encoder_of_sentences_becomes_a_package_that_embeds_texts() {
    let mean = json!({ "pooling_mode_mean_tokens": true });
    let files = sentence(folder(weights("embedding", "pooler", 8, 8)), &mean, true);
    let import = import_folder(&files, &ImportOptions::default()).unwrap();
    let manifest = &import.manifest;
    assert_eq!(manifest.task, Task::Embedding);
    assert_eq!(manifest.labels, Vec::<String>::new());
    let expected = ModelInput::Tokens {
        vocabulary_size: 8,
        length_max: 6,
        padding_id: 0,
    };
    assert_eq!(manifest.input, Some(expected));
    assert_eq!(import.files["tokenizer.json"], tokenizer());
    // Everything that was read is named with its digest.
    let sources: Vec<&str> = manifest
        .provenance
        .source_files
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        sources,
        [
            "1_Pooling/config.json",
            "config.json",
            "model.safetensors",
            "modules.json",
            "sentence_bert_config.json",
            "tokenizer.json"
        ]
    );
    let warnings = import.report.warnings.join("\n");
    assert!(warnings.contains("pooler.dense.weight"), "{warnings}");

    let predictor = predictor(&import);
    let values = embedding(&predictor, "a cat sits");
    let length: f32 = values.iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-5, "{length}");
    assert_ne!(values, embedding(&predictor, "a dog sits"));
}

#[test]
fn a_classifier_has_the_labels_of_its_configuration() {
    let mut files = folder(weights("classification", "pooler", 8, 3));
    let mut labelled = config();
    labelled["id2label"] = json!({ "0": "no", "1": "maybe", "2": "yes" });
    files.insert(
        "config.json".to_owned(),
        serde_json::to_vec(&labelled).unwrap(),
    );
    let import = import_folder(&files, &ImportOptions::default()).unwrap();
    assert_eq!(import.manifest.task, Task::TextClassification);
    assert_eq!(import.manifest.labels, ["no", "maybe", "yes"]);
    assert_eq!(import.report.outputs, 3);
    predictor(&import);
    // Labels that are given count for more.
    let options = ImportOptions {
        labels: ["a", "b", "c"].map(str::to_owned).to_vec(),
        ..ImportOptions::default()
    };
    let import = import_folder(&files, &options).unwrap();
    assert_eq!(import.manifest.labels, ["a", "b", "c"]);
}

#[test]
fn embeddings_of_more_tokens_than_there_are_are_left_out() {
    let files = folder(weights("embedding", "mean", 11, 8));
    let import = import_folder(&files, &ImportOptions::default()).unwrap();
    let warnings = import.report.warnings.join("\n");
    for part in ["embeddings for 11 tokens", "modules.json"] {
        assert!(warnings.contains(part), "{warnings}");
    }
    predictor(&import);
    let error = import_folder(
        &folder(weights("embedding", "mean", 7, 8)),
        &ImportOptions::default(),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("8 tokens") && error.contains('7'), "{error}");
}

#[test]
fn a_vision_transformer_is_imported_with_its_labels_and_its_preparation() {
    let sizes = json!({
        "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12,
        "patch_size": 4,
    });
    let spec = NetworkSpec {
        architecture: ArchitectureSpec {
            name: "vit".to_owned(),
            config: sizes.clone(),
        },
        input: ModelInput::image([3, 8, 8]),
        outputs: 2,
    };
    let network = Network::new(&spec, 5, &cpu_device()).unwrap();
    let mut config = sizes;
    for (key, value) in [
        ("model_type", json!("vit")),
        ("image_size", json!(8)),
        ("num_channels", json!(3)),
        ("id2label", json!({ "0": "cat", "1": "dog" })),
    ] {
        config[key] = value;
    }
    let prepared = json!({ "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.5, 0.5] });
    let mut files: Folder = [
        ("config.json", serde_json::to_vec(&config).unwrap()),
        ("model.safetensors", network.to_safetensors().unwrap()),
        (
            "preprocessor_config.json",
            serde_json::to_vec(&prepared).unwrap(),
        ),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into();
    let import = import_folder(&files, &ImportOptions::default()).unwrap();
    assert_eq!(import.manifest.task, Task::ImageClassification);
    assert_eq!(import.manifest.labels, ["cat", "dog"]);
    assert_eq!(import.report.input, Some(ModelInput::image([3, 8, 8])));
    let steps = import.manifest.pipeline["transforms"].as_array().unwrap();
    let mean = &steps.last().unwrap()["mean"];
    assert!((mean[2].as_f64().unwrap() - 0.3).abs() < 1e-6, "{mean}");
    predictor(&import);

    files.remove("preprocessor_config.json");
    let import = import_folder(&files, &ImportOptions::default()).unwrap();
    let warnings = import.report.warnings.join("\n");
    assert!(warnings.contains("from -1 to 1"), "{warnings}");
}

#[test]
fn what_a_folder_lacks_or_says_otherwise_is_named() {
    let good = || folder(weights("embedding", "mean", 8, 8));
    let with = |name: &str, json: &Value| {
        let mut files = good();
        files.insert(name.to_owned(), serde_json::to_vec(json).unwrap());
        files
    };
    let changed = |key: &str, value: Value| {
        let mut config = config();
        config[key] = value;
        with("config.json", &config)
    };
    let without = |name: &str| {
        let mut files = good();
        files.remove(name);
        files
    };
    let max = json!({ "pooling_mode_max_tokens": true });
    let two = json!({ "pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": true });
    let mean = json!({ "pooling_mode": "mean" });
    let mut no_pooling = sentence(good(), &mean, false);
    no_pooling.remove("1_Pooling/config.json");
    for (files, part) in [
        (
            changed("model_type", "roberta".into()),
            "model_type \"roberta\"",
        ),
        (changed("hidden_size", Value::Null), "no hidden_size"),
        (changed("hidden_size", 7.into()), "no multiple of 2"),
        (
            changed("hidden_size", "8".into()),
            "\"config.json\" cannot be read",
        ),
        (changed("hidden_act", "swish2".into()), "hidden_act"),
        (
            changed("position_embedding_type", "relative_key".into()),
            "relative_key",
        ),
        (changed("num_hidden_layers", 2.into()), "missing"),
        (
            with("modules.json", &json!({})),
            "\"modules.json\" cannot be read",
        ),
        (
            with(
                "modules.json",
                &json!([{ "path": "2_Dense", "type": "x.Dense" }]),
            ),
            "x.Dense",
        ),
        (sentence(good(), &max, true), "pools by max"),
        (sentence(good(), &two, true), "several modes"),
        (no_pooling, "which is not there"),
        (without("tokenizer.json"), "tokenizer.json"),
        (without("model.safetensors"), "none of them has weights"),
        (with("tokenizer.json", &json!({})), "tokenizer"),
    ] {
        let error = import_folder(&files, &ImportOptions::default()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput, "{error}");
        let message = error.to_string();
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
    // The same weights alone say less than they need to.
    let alone = Folder::from([(
        "model.safetensors".to_owned(),
        good()["model.safetensors"].clone(),
    )]);
    let error = import_folder(&alone, &ImportOptions::default()).unwrap_err();
    assert!(
        matches!(error, ImportError::NotRecognized { .. }),
        "{error}"
    );
    let options = ImportOptions {
        image_shape: Some([3, 8, 8]),
        ..ImportOptions::default()
    };
    let error = import_folder(&good(), &options).unwrap_err().to_string();
    assert!(
        error.contains("image_shape") && error.contains("texts"),
        "{error}"
    );
}

fn read_folder(path: &Path) -> Folder {
    let mut folder = Folder::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            let config = entry.path().join("config.json");
            if config.exists() {
                folder.insert(
                    format!("{name}/config.json"),
                    std::fs::read(config).unwrap(),
                );
            }
        } else {
            folder.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    folder
}

#[test]
fn minilm_embeds_texts_as_it_is_published() {
    let Some(path) = reference_data("models/safetensors/all-MiniLM-L6-v2-f16") else {
        return;
    };
    let folder = read_folder(&path);
    let import = import_folder(&folder, &ImportOptions::default()).unwrap();
    let expected = ModelInput::Tokens {
        vocabulary_size: 30_522,
        length_max: 256,
        padding_id: 0,
    };
    assert_eq!(import.report.input, Some(expected));
    let predictor = predictor(&import);
    let reference: Value = serde_json::from_slice(&folder["reference_embeddings.json"]).unwrap();
    for item in reference["items"].as_array().unwrap() {
        let values = embedding(&predictor, item["text"].as_str().unwrap());
        let expected: Vec<f64> = serde_json::from_value(item["embedding"].clone()).unwrap();
        // Both are of length 1.
        let cosine: f64 = values
            .iter()
            .zip(&expected)
            .map(|(a, b)| f64::from(*a) * b)
            .sum();
        assert!(cosine >= 0.99999, "{}: {cosine}", item["text"]);
    }
}
