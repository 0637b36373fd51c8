//! A small package of our own kind.

use std::collections::BTreeMap;

use mofang_nn::{Network, NetworkSpec, NnError, cpu_device};
use mofang_onnx::testing::TinyClassifier;
use mofang_trees::{Booster, Rows, Settings, Targets};
use mofang_types::{
    ArchitectureSpec, ENSEMBLE_FILE, MANIFEST_FORMAT_VERSION, ModelInput, ModelSignature,
    ONNX_FILE, Package, PackageManifest, Provenance, Task, WEIGHTS_FILE,
};
use serde_json::json;

/// What the model takes: `[channels, height, width]`.
pub(crate) const IMAGE_SHAPE: [usize; 3] = [1, 8, 8];

/// The labels of its classes.
pub(crate) const LABELS: [&str; 3] = ["cat", "dog", "owl"];

/// The network in the package.
pub(crate) fn network() -> Result<Network, NnError> {
    let spec = NetworkSpec {
        architecture: ArchitectureSpec {
            name: "simple_cnn".to_owned(),
            config: json!({ "blocks": [{ "channels": 4 }], "hidden": [8] }),
        },
        input: ModelInput::image(IMAGE_SHAPE),
        outputs: LABELS.len(),
    };
    Network::new(&spec, 7, &cpu_device())
}

/// A package around [`network`].
pub(crate) fn package() -> Result<Package, NnError> {
    let network = network()?;
    let manifest = manifest(network.spec().architecture.clone());
    let files = BTreeMap::from([(WEIGHTS_FILE.to_owned(), network.to_safetensors()?)]);
    Ok(Package { manifest, files })
}

/// A package around an ONNX model of the same images and classes.
pub(crate) fn onnx_package() -> Package {
    let mut manifest = manifest(ArchitectureSpec {
        name: "onnx".to_owned(),
        config: json!({ "opset": 17, "input": "pixels", "output": "scores", "batching": true }),
    });
    "pixels".clone_into(&mut manifest.signature.inputs[0].name);
    "scores".clone_into(&mut manifest.signature.outputs[0].name);
    let files = BTreeMap::from([(ONNX_FILE.to_owned(), TinyClassifier::default().build())]);
    Package { manifest, files }
}

/// A package around trees that tell which of two numbers is larger.
#[expect(
    clippy::unwrap_used,
    reason = "a test cannot go on without its package"
)]
pub(crate) fn trees_package() -> Package {
    let values: Vec<f32> = (0..200_u8)
        .map(|value| f32::from(value * 37 % 101))
        .collect();
    let classes = values
        .chunks_exact(2)
        .map(|row| usize::from(row[0] > row[1]));
    let targets = Targets::Classes {
        labels: classes.collect(),
        count: 2,
    };
    let rows = Rows {
        values: &values,
        numbers: 2,
        categories: &[],
    };
    let mut booster = Booster::new(rows, targets, vec![1.0; 100], Settings::default(), 1).unwrap();
    for _ in 0..5 {
        booster.step();
    }
    let ensemble = booster.ensemble();
    let input = ModelInput::Row {
        numbers: 2,
        categories: Vec::new(),
    };
    let mut manifest = manifest(ArchitectureSpec {
        name: mofang_trees::ARCHITECTURE.to_owned(),
        config: json!({}),
    });
    manifest.task = Task::TabularClassification;
    manifest.signature = ModelSignature::of(&input, manifest.task, ensemble.outputs());
    manifest.input = Some(input);
    let bytes = ensemble.to_bytes();
    let files = BTreeMap::from([(ENSEMBLE_FILE.to_owned(), bytes)]);
    Package { manifest, files }
}

fn manifest(architecture: ArchitectureSpec) -> PackageManifest {
    PackageManifest {
        format_version: MANIFEST_FORMAT_VERSION,
        task: Task::ImageClassification,
        architecture,
        signature: ModelSignature::image_classifier(IMAGE_SHAPE, LABELS.len()),
        input: None,
        pipeline: json!({
            "transforms": [
                { "type": "convert", "color": "grayscale" },
                { "type": "resize", "height": 8, "width": 8 },
                { "type": "normalize", "mean": [0.5], "std": [0.25] },
            ],
            "decoders": [{ "type": "softmax" }, { "type": "top_k", "k": 2 }, { "type": "labels" }],
        }),
        labels: LABELS.map(str::to_owned).to_vec(),
        metrics: BTreeMap::new(),
        provenance: Provenance::default(),
        description: String::new(),
        created_unix_ms: 0,
        files: Vec::new(),
    }
}
