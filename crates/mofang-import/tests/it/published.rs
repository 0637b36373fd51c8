//! Published weights, where they are, against the outputs of PyTorch for them.

use std::fs;

use mofang_import::{FileFormat, ImportOptions};
use mofang_types::testing::{assert_close, reference_data};
use serde_json::{Value, json};

use crate::support::{image_shape, log_softmax, logits, try_import};

/// The file and its reference outputs.
fn published(file: &str, name: &str) -> Option<(Vec<u8>, Value)> {
    let folder = reference_data("models/pytorch")?;
    let reference = fs::read(folder.join("reference_outputs.json")).unwrap();
    let reference: Value = serde_json::from_slice(&reference).unwrap();
    Some((
        fs::read(folder.join(file)).unwrap(),
        reference[name]["deterministic"].clone(),
    ))
}

fn numbers(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the reference is rounded to five digits"
)]
fn check_imagenet(file: &str, name: &str, architecture: &str) {
    let Some((bytes, reference)) = published(file, name) else {
        return;
    };
    let import = try_import(file, &bytes, &ImportOptions::default()).unwrap();
    assert_eq!(import.report.architecture.name, architecture);
    assert_eq!(image_shape(&import), [3, 224, 224]);
    assert_eq!(import.report.outputs, 1000);
    let logits = logits(&import);
    assert_close(&logits[..10], &numbers(&reference["first10_logits"]), 1e-4);
    let best = (0..logits.len())
        .max_by(|a, b| logits[*a].total_cmp(&logits[*b]))
        .unwrap();
    assert_eq!(Some(best as u64), reference["argmax"].as_u64());
    let sum: f32 = logits.iter().sum();
    assert_close(&[sum], &[reference["sum"].as_f64().unwrap() as f32], 1e-4);
}

#[test]
fn squeezenet_answers_as_pytorch_does() {
    let name = "squeezenet1_0-deepcompression";
    check_imagenet(&format!("{name}.pth"), name, "squeezenet");
}

#[test]
fn mobilenet_v2_answers_as_pytorch_does() {
    let name = "mobilenet_v2_1.0_224-dequant";
    check_imagenet(&format!("{name}.pth"), name, "mobilenet_v2");
}

#[test]
fn resnet56_in_the_old_container_answers_as_pytorch_does() {
    let name = "resnet56-cifar10-4bfd9763.th";
    let Some((bytes, reference)) = published(name, name) else {
        return;
    };
    let import = try_import(name, &bytes, &ImportOptions::default()).unwrap();
    assert_eq!(import.report.format, FileFormat::PytorchLegacy);
    assert_eq!(import.report.place, "state_dict");
    assert_eq!(import.report.architecture.config, json!({"depth": 56}));
    assert_close(&logits(&import), &numbers(&reference["logits"]), 1e-4);
}

/// The network of burn's example, which nothing but its author's description tells.
fn burn_mnist_options() -> ImportOptions {
    let convolution = |name: &str, channels: usize| json!({"name": name, "type": "conv2d", "channels": channels, "kernel": 3});
    let plain = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let linear =
        |name: &str, features: usize| json!({"name": name, "type": "linear", "features": features});
    ImportOptions {
        architecture: Some("sequential".to_owned()),
        architecture_config: Some(json!({"layers": [
            convolution("conv1", 8), plain("relu1", "relu"),
            convolution("conv2", 16), plain("relu2", "relu"),
            convolution("conv3", 24), plain("relu3", "relu"),
            plain("norm1", "batch_norm2d"), plain("flatten", "flatten"),
            linear("fc1", 32), plain("relu4", "relu"),
            linear("fc2", 10), plain("norm2", "batch_norm2d"),
        ]})),
        image_shape: Some([1, 28, 28]),
        classes: Some(10),
        ..ImportOptions::default()
    }
}

#[test]
fn a_network_written_down_answers_as_pytorch_does() {
    let Some((bytes, reference)) = published("burn-mnist.pt", "burn-mnist.pt") else {
        return;
    };
    let expected = numbers(&reference["before_log_softmax"]);
    let import = try_import("burn-mnist.pt", &bytes, &burn_mnist_options()).unwrap();
    assert_close(&logits(&import), &expected, 1e-4);
    assert_close(
        &log_softmax(&logits(&import)),
        &log_softmax(&expected),
        1e-4,
    );
}

#[test]
fn safetensors_answer_as_pytorch_does() {
    let Some(path) = reference_data("models/safetensors/burn-mnist.safetensors") else {
        return;
    };
    // The same network with other weights; computed by PyTorch in double precision.
    let expected = [
        -2.67596, 0.63129, -1.1955, -1.67143, -2.8635, 1.29286, -2.64902, -1.3159, -3.77043,
        -2.80056,
    ];
    let bytes = fs::read(path).unwrap();
    let import = try_import("m.safetensors", &bytes, &burn_mnist_options()).unwrap();
    assert_eq!(import.report.format, FileFormat::Safetensors);
    assert_close(&logits(&import), &expected, 1e-4);
}
