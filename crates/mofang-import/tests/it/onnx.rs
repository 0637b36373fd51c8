//! ONNX models become packages that answer as the graph does.

use std::fs;

use mofang_data::RawExample;
use mofang_import::{FileFormat, Import, ImportError, ImportOptions, Preset};
use mofang_onnx::testing::{TinyClassifier, model_of};
use mofang_runtime::{Predictor, RuntimeSettings};
use mofang_types::testing::{assert_close, reference_data};
use mofang_types::{Coded as _, ErrorCode, ONNX_FILE, Package, Prediction, Task, Tensor};
use serde_json::json;

use crate::support::{image_shape, logits, try_import};

fn labels() -> Vec<String> {
    ["dark", "grey", "light"].map(str::to_owned).to_vec()
}

fn options() -> ImportOptions {
    ImportOptions {
        labels: labels(),
        license: Some("MIT".to_owned()),
        source: Some("a test".to_owned()),
        preset: Some(Preset::Plain),
        ..ImportOptions::default()
    }
}

fn imported(model: TinyClassifier, options: &ImportOptions) -> Import {
    try_import("model.onnx", &model.build(), options).unwrap()
}

/// What `TinyClassifier` gives for the image that [`logits`] asks about.
fn expected() -> [f32; 3] {
    let sum: f32 = (0..64_u8)
        .map(|index| (0.01 * f32::from(index)).sin())
        .sum();
    let mean = sum / 64.0;
    [-mean, 0.25, mean]
}

#[test]
fn a_graph_becomes_a_package_as_it_is() {
    let model = TinyClassifier::default();
    let import = imported(model, &options());
    assert_eq!(import.report.format, FileFormat::Onnx);
    assert_eq!(image_shape(&import), [1, 8, 8]);
    assert_eq!(import.report.outputs, 3);
    assert_eq!(import.report.parameters, 6);
    assert_eq!(import.report.warnings, Vec::<String>::new());
    assert_eq!(
        import.manifest.architecture.config,
        json!({ "opset": 17, "input": "pixels", "output": "scores", "batching": true })
    );
    let signature = &import.manifest.signature;
    assert_eq!(signature.inputs[0].name, "pixels");
    assert_eq!(signature.outputs[0].name, "scores");
    // The bytes are those of the file: their digest is the original's.
    assert_eq!(import.files[ONNX_FILE], model.build());
    let bill = String::from_utf8(import.files["bill_of_materials.cdx.json"].clone()).unwrap();
    assert!(bill.contains(&import.report.source_digest.to_string()));
    assert!(bill.contains("f32 pixels [1, 8, 8]"), "{bill}");
    assert_close(&logits(&import), &expected(), 1e-5);
}

#[test]
fn what_a_graph_does_with_batches_and_channels_is_found_out() {
    let one_by_one = TinyClassifier {
        batch: 1,
        ..TinyClassifier::default()
    };
    let import = imported(one_by_one, &options());
    assert_eq!(
        import.manifest.architecture.config["batching"],
        json!(false)
    );
    assert_close(&logits(&import), &expected(), 1e-5);

    let channels_last = TinyClassifier {
        channels_last: true,
        image_shape: [3, 8, 4],
        ..TinyClassifier::default()
    };
    let import = imported(channels_last, &options());
    assert_eq!(image_shape(&import), [3, 8, 4]);
    assert_eq!(
        import.manifest.architecture.config["channels_last"],
        json!(true)
    );
    let values: Vec<f32> = (0..96_u8)
        .map(|index| (0.01 * f32::from(index)).sin())
        .collect();
    let means: Vec<f32> = values
        .chunks(32)
        .map(|plane| plane.iter().sum::<f32>() / 32.0)
        .collect();
    let weighted = means[0] + 2.0 * means[1] + 3.0 * means[2];
    assert_close(&logits(&import), &[-weighted, 0.25, weighted], 1e-5);

    let open = TinyClassifier {
        image_shape: [1, 0, 0],
        ..TinyClassifier::default()
    };
    let error = try_import("m.onnx", &open.build(), &options()).unwrap_err();
    assert!(error.to_string().contains("image_shape"), "{error}");
    let with_shape = ImportOptions {
        image_shape: Some([1, 8, 8]),
        ..options()
    };
    assert_close(&logits(&imported(open, &with_shape)), &expected(), 1e-5);
}

#[test]
fn probabilities_are_no_logits() {
    let model = TinyClassifier {
        softmax: true,
        ..TinyClassifier::default()
    };
    let import = imported(model, &options());
    assert_eq!(
        import.manifest.pipeline["decoders"],
        json!([{ "type": "top_k", "k": 3 }, { "type": "labels" }])
    );
    let sum: f32 = logits(&import).iter().sum();
    assert_close(&[sum], &[1.0], 1e-5);
}

#[test]
fn of_several_outputs_the_one_with_the_labels_is_served() {
    let model = TinyClassifier {
        means: true,
        image_shape: [3, 8, 8],
        ..TinyClassifier::default()
    };
    let import = imported(model, &options());
    assert_eq!(
        import.manifest.architecture.config["output"],
        json!("scores")
    );
    assert_eq!(
        import.report.warnings,
        ["the answer is the output \"scores\"; \"means\" is not served"]
    );
}

#[test]
fn a_model_of_tensors_is_served_as_it_is() {
    let tensors = ImportOptions {
        task: Some(Task::Tensor),
        license: Some("MIT".to_owned()),
        source: Some("a test".to_owned()),
        ..ImportOptions::default()
    };
    let model = model_of(&[("Relu", &["x"], "y")], &[0, 4], &[0, 4]);
    let import = try_import("model.onnx", &model, &tensors).unwrap();
    assert_eq!(import.manifest.task, Task::Tensor);
    assert_eq!(import.report.input, None);
    assert_eq!(import.report.warnings, Vec::<String>::new());
    let package = Package {
        manifest: import.manifest.clone(),
        files: import.files.clone(),
    };
    let predictor = Predictor::load(&package, &RuntimeSettings::default()).unwrap();
    let example = Tensor::new(vec![4], vec![-1.0, 0.5, -2.0, 3.0]).unwrap();
    let answer = predictor
        .predict(&RawExample::Tensor(example), None)
        .unwrap();
    assert_eq!(answer, Prediction::Values(vec![0.0, 0.5, 0.0, 3.0]));
    let image = predictor
        .predict(&RawExample::Encoded(vec![1, 2]), None)
        .unwrap_err();
    assert_eq!(
        image.to_string(),
        "the model takes a ready tensor, not a file"
    );
}

#[test]
fn what_cannot_be_served_is_refused_by_name() {
    let classifier = TinyClassifier::default().build();
    let named = ImportOptions {
        architecture: Some("resnet".to_owned()),
        ..options()
    };
    let two_labels = ImportOptions {
        labels: labels()[..2].to_vec(),
        ..options()
    };
    let other_shape = ImportOptions {
        image_shape: Some([1, 9, 8]),
        ..options()
    };
    let eight_at_once = TinyClassifier {
        batch: 8,
        ..TinyClassifier::default()
    };
    let einsum = model_of(
        &[("Einsumm", &["x"], "a"), ("Relu", &["a"], "y")],
        &[0, 3, 8, 8],
        &[0, 3, 8, 8],
    );
    let vector = model_of(&[("Relu", &["x"], "y")], &[0, 8], &[0, 8]);
    let open = model_of(&[("Relu", &["x"], "y")], &[0, 0], &[0, 0]);
    let tensors = ImportOptions {
        task: Some(Task::Tensor),
        ..ImportOptions::default()
    };
    let with_labels = ImportOptions {
        labels: labels(),
        ..tensors.clone()
    };
    let vast = model_of(&[("Relu", &["x"], "y")], &[0, 1 << 30], &[0, 1 << 30]);
    let five = model_of(&[("Relu", &["x"], "y")], &[0, 5, 8, 8], &[0, 5, 8, 8]);
    let cut = &classifier[..classifier.len() - 9];
    for (bytes, options, part) in [
        (classifier.as_slice(), &named, "a graph of its own"),
        (
            &classifier,
            &two_labels,
            "has 3 classes, and there are 2 labels",
        ),
        (
            &classifier,
            &other_shape,
            "the graph takes 8 where it says 9",
        ),
        (&eight_at_once.build(), &options(), "takes 8 images at once"),
        (
            &einsum,
            &options(),
            "the engine does not run Einsumm of opset 17: it is not among the operators",
        ),
        (&vector, &options(), "has 2 dimensions"),
        (&vector, &options(), "give the task \"tensor\""),
        (&five, &options(), "1 or 3 channels"),
        (&vector, &with_labels, "the option labels"),
        (&open, &tensors, "an open size besides"),
        (&vast, &tensors, "is larger than 67108864 numbers"),
        (cut, &options(), "damaged"),
    ] {
        let error = try_import("model.onnx", bytes, options).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = try_import("model.onnx", b"not a model at all", &options()).unwrap_err();
    assert!(
        matches!(error, ImportError::UnknownFormat { .. }),
        "{error}"
    );
}

#[test]
fn mobilenet_agrees_with_its_reference() {
    let Some(models) = reference_data("models/onnx") else {
        return;
    };
    let name = "mobilenet_v1_0.5_160-dequant";
    let bytes = fs::read(models.join(format!("{name}.onnx"))).unwrap();
    let reference = fs::read(models.join(format!("{name}.reference.json"))).unwrap();
    let reference: serde_json::Value = serde_json::from_slice(&reference).unwrap();
    let expected: Vec<f32> =
        serde_json::from_value(reference["deterministic"]["first10_logits"].clone()).unwrap();
    let options = ImportOptions {
        preset: Some(Preset::Inception),
        ..ImportOptions::default()
    };
    let import = try_import("model.onnx", &bytes, &options).unwrap();
    assert_eq!(image_shape(&import), [3, 160, 160]);
    assert_eq!(import.report.outputs, 1000);
    assert_close(&logits(&import)[..10], &expected, 1e-3);
}
