//! Language models: texts that go on token by token.

use mofang_nn::{Input, Network, NetworkSpec, Strictness, cpu_device, tensor_from_burn};
use mofang_types::testing::{assert_close, reference_data};
use mofang_types::{ArchitectureSpec, Coded as _, ErrorCode, ModelInput, Tensor};
use serde_json::{Value, json};

use crate::llama2c::llama2c;

fn spec(name: &str, config: Value, vocabulary_size: usize, length_max: usize) -> NetworkSpec {
    NetworkSpec {
        architecture: ArchitectureSpec {
            name: name.to_owned(),
            config,
        },
        input: ModelInput::Tokens {
            vocabulary_size,
            length_max,
            padding_id: 0,
        },
        outputs: vocabulary_size,
    }
}

fn networks() -> Vec<Network> {
    let llama = json!({
        "hidden_size": 16, "num_attention_heads": 4, "num_key_value_heads": 2,
        "num_hidden_layers": 3, "intermediate_size": 20, "max_position_embeddings": 9,
    });
    let gpt2 = json!({"n_embd": 16, "n_head": 4, "n_layer": 3, "n_positions": 9});
    [("gpt2", gpt2), ("llama", llama)]
        .map(|(name, config)| Network::new(&spec(name, config, 30, 9), 7, &cpu_device()).unwrap())
        .into()
}

#[test]
fn a_text_that_goes_on_has_the_logits_of_the_whole() {
    // The padding, 0, within a text is a token of it.
    let small: [u8; 9] = [3, 0, 7, 1, 29, 4, 11, 2, 5];
    let ids = small.map(u32::from);
    for network in networks() {
        let batch = Tensor::new(vec![1, 9], small.map(f32::from).to_vec()).unwrap();
        let input = network.input(batch, &cpu_device()).unwrap();
        let steps = tensor_from_burn(network.forward_steps(&input).unwrap()).unwrap();
        assert_eq!(steps.shape(), [9, 30]);
        let after = |count: usize| &steps.data()[(count - 1) * 30..count * 30];
        // A few tokens at first, then one by one, then the rest.
        let mut text = network.continuation().unwrap();
        for (from, to) in [(0, 4), (4, 5), (5, 6), (6, 9)] {
            let logits = text.read(&ids[from..to]).unwrap();
            assert_close(&logits, after(to), 1e-4);
        }
        assert_eq!(text.length(), 9);
        let last = tensor_from_burn(network.forward(input)).unwrap();
        assert_close(last.data(), after(9), 1e-5);
    }
}

#[test]
fn what_a_text_cannot_go_on_with_is_refused_and_leaves_it_as_it_is() {
    for network in networks() {
        let mut text = network.continuation().unwrap();
        let before = text.clone().read(&[5]).unwrap();
        for (ids, part) in [
            (&[][..], "0 tokens"),
            (&[1; 10], "10 tokens"),
            (&[1, 30], "30 is not the id"),
        ] {
            let error = text.read(ids).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidInput);
            assert!(error.to_string().contains(part), "{error}");
        }
        assert_eq!(text.read(&[5]).unwrap(), before);
    }
    let image = NetworkSpec {
        input: ModelInput::image([1, 28, 28]),
        ..spec("lenet", json!({}), 10, 9)
    };
    let network = Network::new(&image, 1, &cpu_device()).unwrap();
    assert!(
        network
            .continuation()
            .unwrap_err()
            .to_string()
            .contains("lenet")
    );
    let pixels = Tensor::new(vec![1, 1, 28, 28], vec![0.0; 784]).unwrap();
    let input: Input = network.input(pixels, &cpu_device()).unwrap();
    assert!(network.forward_steps(&input).is_err());
}

fn likeliest(logits: &[f32]) -> u32 {
    let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    u32::try_from(best.unwrap()).unwrap()
}

#[test]
fn a_trained_model_tells_its_published_story() {
    let Some(path) = reference_data("models/llama2c/stories260K.bin") else {
        return;
    };
    let (config, vocabulary, state) = llama2c(&std::fs::read(&path).unwrap());
    let spec = spec("llama", config, vocabulary, 512);
    let network = Network::zeroed(&spec, &cpu_device()).unwrap();
    let (network, _) = network.load_state(state, Strictness::Exact).unwrap();
    let reference = std::fs::read(path.with_file_name("reference_greedy.json")).unwrap();
    let reference: Value = serde_json::from_slice(&reference).unwrap();
    let expected: Vec<u32> = serde_json::from_value(reference["token_ids"].clone()).unwrap();
    assert!(expected.len() > 200);
    let mut text = network.continuation().unwrap();
    let mut id = 1;
    let mut told = Vec::new();
    for _ in 0..expected.len() {
        id = likeliest(&text.read(&[id]).unwrap());
        told.push(id);
    }
    assert_eq!(told, expected);
}
