//! Real weights of a sentence encoder, `all-MiniLM-L6-v2`.

use mofang_nn::{Network, NetworkSpec, Strictness, cpu_device};
use mofang_types::testing::reference_data;
use mofang_types::{ArchitectureSpec, ModelInput, Tensor};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
struct Reference {
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    token_ids: Vec<f32>,
    embedding: Vec<f64>,
}

fn cosine(one: &[f32], other: &[f64]) -> f64 {
    let one: Vec<f64> = one.iter().map(|value| f64::from(*value)).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    dot(&one, other) / (dot(&one, &one) * dot(other, other)).sqrt()
}

#[test]
fn published_embeddings_are_reproduced() {
    let Some(weights) = reference_data("models/safetensors/all-MiniLM-L6-v2-f16/model.safetensors")
    else {
        return;
    };
    let read = |name: &str| std::fs::read(weights.with_file_name(name)).unwrap();
    let published: Value = serde_json::from_slice(&read("config.json")).unwrap();
    let reference: Reference = serde_json::from_slice(&read("reference_embeddings.json")).unwrap();
    let mut config = json!({"head": "embedding", "pooling": "mean"});
    for key in [
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
        "layer_norm_eps",
        "hidden_act",
    ] {
        config[key] = published[key].clone();
    }
    let spec = NetworkSpec {
        architecture: ArchitectureSpec {
            name: "bert".to_owned(),
            config,
        },
        input: ModelInput::Tokens {
            vocabulary_size: 30_522,
            length_max: 256,
            padding_id: 0,
        },
        outputs: 384,
    };
    let network = Network::zeroed(&spec, &cpu_device()).unwrap();
    let bytes = std::fs::read(&weights).unwrap();
    let (network, report) = network
        .load_safetensors(&bytes, Strictness::Partial)
        .unwrap();
    assert!(report.missing.is_empty(), "{report}");
    // The encoder's own pooling, which sentence-transformers does not use.
    assert_eq!(
        report.unexpected,
        ["pooler.dense.bias", "pooler.dense.weight"]
    );

    let texts = reference.items;
    let longest = texts.iter().map(|text| text.token_ids.len()).max().unwrap();
    let mut ids = Vec::new();
    for text in &texts {
        ids.extend(&text.token_ids);
        ids.resize(ids.len() + longest - text.token_ids.len(), 0.0);
    }
    let batch = Tensor::new(vec![texts.len(), longest], ids).unwrap();
    let outputs = network.infer(&batch).unwrap();
    for (row, text) in outputs.data().chunks(384).zip(&texts) {
        let cosine = cosine(row, &text.embedding);
        assert!(cosine >= 0.99999, "{cosine}");
    }
}
