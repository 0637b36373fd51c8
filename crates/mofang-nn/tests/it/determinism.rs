//! The same seeds give the same bits.

use burn::module::Module;
use burn::tensor::Tensor;
use mofang_nn::{
    LoadReport, Network, NetworkSpec, Strictness, architectures, cpu_device, step_seed,
    tensor_from_burn, tensor_to_burn,
};
use mofang_types::{ArchitectureSpec, ModelInput};
use serde_json::json;

use crate::golden::pattern;

fn spec(name: &str, config: serde_json::Value, image_shape: [usize; 3]) -> NetworkSpec {
    NetworkSpec {
        architecture: ArchitectureSpec {
            name: name.to_owned(),
            config,
        },
        input: ModelInput::image(image_shape),
        outputs: 10,
    }
}

fn with_dropout() -> NetworkSpec {
    let config = json!({
        "blocks": [{"channels": 16, "dropout": 0.2}, {"channels": 24}],
        "hidden": [32],
        "dropout": 0.5,
    });
    spec("simple_cnn", config, [1, 12, 12])
}

fn images(network: &Network, batch: usize) -> Tensor<4> {
    let [channels, height, width] = network.spec().image_shape().unwrap();
    let shape = vec![batch, channels, height, width];
    let values = pattern(shape.iter().product(), 0);
    let tensor = mofang_types::Tensor::new(shape, values).unwrap();
    tensor_to_burn(tensor, &network.device().unwrap()).unwrap()
}

/// A few steps of plain gradient descent from `first` on.
fn train(mut network: Network, first: u64, last: u64) -> Network {
    for step in first..last {
        let logits = network.forward_train(images(&network, 8), step_seed(5, step));
        let loss = logits.powf_scalar(2.0).mean_dim(1).mean();
        let mut gradients = network.gradients(&loss.backward()).unwrap();
        network = network
            .map_values(&mut |info, old| {
                let gradient = gradients.remove(&info.name)?;
                let pairs = old.iter().zip(gradient.data());
                Some(pairs.map(|(value, slope)| value - 0.1 * slope).collect())
            })
            .unwrap();
    }
    network
}

#[test]
fn rel_1_weights_repeat_bit_for_bit_and_across_a_save() {
    let device = cpu_device().autodiff();
    let fresh = || Network::new(&with_dropout(), 3, &device).unwrap();
    let whole = train(fresh(), 0, 6).to_safetensors().unwrap();
    assert_eq!(whole, train(fresh(), 0, 6).to_safetensors().unwrap());

    let half = train(fresh(), 0, 3).to_safetensors().unwrap();
    let other = Network::new(&with_dropout(), 99, &device).unwrap();
    let (resumed, report) = other.load_safetensors(&half, Strictness::Exact).unwrap();
    assert!(report.is_exact());
    assert_eq!(whole, train(resumed, 3, 6).to_safetensors().unwrap());
    // The masks matter: other seeds give other weights.
    let (shifted, _) = fresh().load_safetensors(&half, Strictness::Exact).unwrap();
    assert_ne!(whole, train(shifted, 4, 7).to_safetensors().unwrap());
}

#[test]
fn initial_weights_are_a_function_of_the_seed() {
    for architecture in architectures::all() {
        let spec = crate::spec_for(
            architecture.name(),
            &crate::small_config(architecture.name()),
        );
        let bytes = |seed| {
            let network = Network::new(&spec, seed, &cpu_device()).unwrap();
            network.to_safetensors().unwrap()
        };
        assert_eq!(bytes(1), bytes(1), "{}", architecture.name());
        assert_ne!(bytes(1), bytes(2), "{}", architecture.name());
    }
}

#[test]
fn a_network_answers_for_one_image_as_for_many() {
    let network = Network::new(&with_dropout(), 3, &cpu_device()).unwrap();
    let batch = tensor_from_burn(network.forward(images(&network, 8))).unwrap();
    let single = tensor_from_burn(network.forward(images(&network, 1))).unwrap();
    mofang_types::testing::assert_close(single.data(), &batch.data()[..10], 1e-5);
}

#[test]
fn dropout_and_running_statistics_are_for_training_only() {
    let device = cpu_device().autodiff();
    let network = Network::new(&with_dropout(), 3, &device).unwrap();
    let before = network.to_safetensors().unwrap();
    let first = tensor_from_burn(network.forward(images(&network, 4))).unwrap();
    let second = tensor_from_burn(network.forward(images(&network, 4))).unwrap();
    assert_eq!(first, second);
    assert_eq!(before, network.to_safetensors().unwrap());

    let snapshot = network.valid();
    let train = |seed| {
        let logits = network.forward_train(images(&network, 4), seed);
        tensor_from_burn(logits).unwrap()
    };
    assert_eq!(train(1), train(1));
    assert_ne!(train(1), train(2));
    assert_ne!(before, network.to_safetensors().unwrap());
    assert_eq!(before, snapshot.to_safetensors().unwrap());
}

#[test]
fn loading_reports_missing_unexpected_and_mis_shaped_names() {
    let device = cpu_device();
    let small = spec(
        "simple_cnn",
        json!({"blocks": [{"channels": 8}], "hidden": [16]}),
        [1, 8, 8],
    );
    let other = json!({"blocks": [{"channels": 8, "batch_norm": false}], "hidden": [20]});
    let other = spec("simple_cnn", other, [1, 8, 8]);
    let weights = Network::new(&small, 1, &device)
        .unwrap()
        .to_safetensors()
        .unwrap();
    let network = Network::new(&other, 2, &device).unwrap();
    let error = network
        .clone()
        .load_safetensors(&weights, Strictness::Exact)
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("missing: features.0.bias"), "{text}");
    assert!(
        text.contains("[16, 128] in the file, [20, 128] in the network"),
        "{text}"
    );

    let before = network.values().unwrap();
    let (network, report) = network
        .load_safetensors(&weights, Strictness::Partial)
        .unwrap();
    let LoadReport {
        loaded,
        missing,
        unexpected,
        mis_shaped,
    } = report;
    // The 3×3 kernel and the last bias fit; features.1 is a batch normalization in the file only.
    assert_eq!(loaded, 2);
    assert_eq!(missing, ["features.0.bias"]);
    assert!(
        unexpected.contains(&"features.1.running_mean".to_owned()),
        "{unexpected:?}"
    );
    assert_eq!(mis_shaped.len(), 3, "{mis_shaped:?}");
    let after = network.values().unwrap();
    assert_eq!(before["classifier.1.weight"], after["classifier.1.weight"]);
    assert_ne!(before["features.0.weight"], after["features.0.weight"]);
}
