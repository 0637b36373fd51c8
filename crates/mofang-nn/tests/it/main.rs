//! Integration tests of the networks.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod decoders;
mod determinism;
mod golden;
mod llama2c;
mod minilm;
mod recognition;
mod robustness;
mod rows;
mod sequences;

use burn::tensor::Device;
use mofang_nn::{Network, NetworkSpec, cpu_device};
use mofang_types::{ArchitectureSpec, ModelInput};

/// Ids of a small vocabulary; 0 is the padding.
fn tokens() -> ModelInput {
    ModelInput::Tokens {
        vocabulary_size: 40,
        length_max: 12,
        padding_id: 0,
    }
}

/// The configuration of an architecture, smaller than the default where that is large.
fn small_config(name: &str) -> serde_json::Value {
    match name {
        "bert" => serde_json::json!({
            "hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 1,
            "intermediate_size": 16, "max_position_embeddings": 12,
        }),
        "ft_transformer" => {
            serde_json::json!({"d_token": 12, "attention_n_heads": 3, "n_blocks": 2})
        }
        "gpt2" => serde_json::json!({"n_embd": 12, "n_head": 3, "n_layer": 1, "n_positions": 12}),
        "llama" | "vit" => serde_json::json!({
            "hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 1,
            "intermediate_size": 16,
        }),
        _ => serde_json::Value::Null,
    }
}

/// The specification of an architecture for the first kind of input that it takes.
fn spec_for(name: &str, config: &serde_json::Value) -> NetworkSpec {
    let row = ModelInput::Row {
        numbers: 3,
        categories: vec![4, 2],
    };
    let inputs = [
        (ModelInput::image([3, 64, 64]), 10),
        (tokens(), 10),
        // A language model has an output for each token.
        (tokens(), 40),
        (row, 10),
    ];
    let specs = inputs.map(|(input, outputs)| NetworkSpec {
        architecture: ArchitectureSpec {
            name: name.to_owned(),
            config: config.clone(),
        },
        input,
        outputs,
    });
    let mut taken = specs.into_iter();
    taken
        .find(|spec| Network::zeroed(spec, &cpu_device()).is_ok())
        .unwrap_or_else(|| panic!("{name} takes nothing with {config}"))
}

/// How near golden numbers have to be; `tests/vulkan` has another.
const TOLERANCE: f64 = 1e-4;

/// How near golden gradients have to be.
fn gradient_tolerance(_architecture: &str) -> f64 {
    TOLERANCE
}

/// What golden tests compute on; `tests/without_kernels` and `tests/vulkan` have others.
#[expect(
    clippy::unnecessary_wraps,
    reason = "elsewhere there may be no such device"
)]
fn device() -> Option<Device> {
    Some(cpu_device())
}
