//! Whole modules that were saved (see `tests/files/make_files.py`).

use std::collections::BTreeMap;

use mofang_import::{FileFormat, ImportOptions};
use mofang_types::testing::assert_close;
use serde::Deserialize;
use serde_json::json;

use crate::support::{file, image_shape, log_softmax, logits, try_import};

#[derive(Debug, Deserialize)]
struct Expected {
    image_shape: [usize; 3],
    logits: Vec<f32>,
}

fn expected() -> BTreeMap<String, Expected> {
    serde_json::from_slice(&file("expected.json")).unwrap()
}

fn with_shape(image_shape: [usize; 3]) -> ImportOptions {
    ImportOptions {
        image_shape: Some(image_shape),
        ..ImportOptions::default()
    }
}

#[test]
fn whole_modules_answer_as_pytorch_does() {
    let mut expected = expected();
    // It is of a class of its own; see below.
    expected.remove("own").unwrap();
    assert_eq!(expected.len(), 6);
    for (name, expected) in expected {
        let bytes = file(&format!("{name}.pth"));
        let import = try_import("model.pth", &bytes, &with_shape(expected.image_shape))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(import.report.format, FileFormat::PytorchZip);
        assert_eq!(import.report.outputs, expected.logits.len());
        let logits = logits(&import);
        if name == "sequential" {
            let says_so = |warning: &String| warning.contains("\"21\" is a LogSoftmax");
            assert!(import.report.warnings.iter().any(says_so));
            assert_close(&log_softmax(&logits), &expected.logits, 1e-4);
        } else {
            assert_close(&logits, &expected.logits, 1e-4);
        }
    }
}

#[test]
fn the_architecture_is_the_one_that_was_saved() {
    for (name, architecture) in [
        ("alexnet", "sequential"),
        ("mobilenet_v2", "mobilenet_v2"),
        ("resnet18", "resnet"),
        ("squeezenet1_1", "squeezenet"),
        ("vgg", "sequential"),
    ] {
        let bytes = file(&format!("{name}.pth"));
        let report = try_import(name, &bytes, &with_shape([3, 80, 70]))
            .unwrap()
            .report;
        assert_eq!(report.architecture.name, architecture, "{name}");
    }
    let bytes = file("mobilenet_v2.pth");
    let report = try_import("m", &bytes, &ImportOptions::default())
        .unwrap()
        .report;
    assert_eq!(
        report.architecture.config,
        json!({"width_multiplier": 0.25})
    );
    assert_eq!(
        report.input.as_ref().unwrap().image_shape().unwrap(),
        [3, 224, 224]
    );
}

#[test]
fn a_class_of_ones_own_needs_the_architectures_name() {
    let bytes = file("own.pth");
    let error = try_import("own.pth", &bytes, &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("\"__main__.Own\""), "{error}");
    let options = ImportOptions {
        architecture: Some("lenet".to_owned()),
        ..ImportOptions::default()
    };
    let import = try_import("own.pth", &bytes, &options).unwrap();
    let expected = expected().remove("own").unwrap();
    assert_eq!(image_shape(&import), expected.image_shape);
    assert_close(&logits(&import), &expected.logits, 1e-4);
}

#[test]
fn what_has_no_counterpart_is_refused_by_name() {
    for (name, part) in [
        ("basic_conv.pth", "torchvision.models.googlenet.BasicConv2d"),
        (
            "lstm.pth",
            "the layer \"encoder.0\" is a torch.nn.modules.rnn.LSTM",
        ),
        (
            "reflect.pth",
            "the layer \"0\" is a torch.nn.modules.conv.Conv2d that does not pad with zeros",
        ),
        (
            "resnet_strided.pth",
            "\"layer4.0.conv1\" is a torch.nn.modules.conv.Conv2d with a stride of [1,1]",
        ),
        (
            "nan.pth",
            "the weight \"12.weight\" has values that are not finite",
        ),
    ] {
        let error = try_import(name, &file(name), &with_shape([3, 32, 32])).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
}
