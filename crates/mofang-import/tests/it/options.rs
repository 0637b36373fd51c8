//! What is said of a file, and what is assumed when nothing is.

use mofang_import::{BILL_OF_MATERIALS_FILE, ImportOptions, Preset};
use mofang_types::{ArtifactDigest, Coded as _, ErrorCode, WEIGHTS_FILE};
use serde_json::{Value, json};

use crate::support::{file, try_import};

fn options() -> ImportOptions {
    ImportOptions {
        image_shape: Some([3, 40, 48]),
        ..ImportOptions::default()
    }
}

#[test]
fn the_package_knows_where_it_comes_from() {
    let bytes = file("vgg.pth");
    let options = ImportOptions {
        license: Some("BSD-3-Clause".to_owned()),
        source: Some("https://example.org/vgg.pth".to_owned()),
        labels: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(),
        preset: Some(Preset::Inception),
        description: "a network".to_owned(),
        ..options()
    };
    let import = try_import("vgg.pth", &bytes, &options).unwrap();
    assert_eq!(import.report.warnings, Vec::<String>::new());
    let digest = ArtifactDigest::of(&bytes);
    assert_eq!(import.manifest.provenance.source_files["vgg.pth"], digest);
    assert_eq!(import.manifest.labels, options.labels);
    assert_eq!(
        import.manifest.pipeline["transforms"],
        json!([
            {"type": "convert", "color": "rgb"},
            {"type": "resize", "shorter_side": 54, "filter": "bilinear"},
            {"type": "center_crop", "height": 40, "width": 48},
            {"type": "normalize", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        ])
    );
    let bill: Value = serde_json::from_slice(&import.files[BILL_OF_MATERIALS_FILE]).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let original = &bill["components"][0];
    assert_eq!(original["hashes"][0]["content"], digest.to_string());
    assert_eq!(original["licenses"][0]["expression"], "BSD-3-Clause");
    let weights = ArtifactDigest::of(&import.files[WEIGHTS_FILE]).to_string();
    assert_eq!(
        bill["metadata"]["component"]["hashes"][0]["content"],
        weights
    );

    // The same file and options give the same bytes.
    let again = try_import("vgg.pth", &bytes, &options).unwrap();
    assert_eq!(import.files, again.files);
    assert_eq!(import.manifest, again.manifest);
}

#[test]
fn every_assumption_is_a_warning() {
    let import = try_import("vgg.pth", &file("vgg.pth"), &options()).unwrap();
    for part in ["preset plain", "\"class 0\"", "no licence", "no source"] {
        let warnings = &import.report.warnings;
        assert!(
            warnings.iter().any(|warning| warning.contains(part)),
            "{part}: {warnings:?}"
        );
    }
    assert_eq!(import.manifest.labels[4], "class 4");
    let normalized = ImportOptions {
        preset: Some(Preset::Plain),
        mean: Some(vec![0.1]),
        std: Some(vec![0.2, 0.3, 0.4]),
        ..options()
    };
    let import = try_import("vgg.pth", &file("vgg.pth"), &normalized).unwrap();
    let normalize = &import.manifest.pipeline["transforms"][2];
    assert_eq!(
        normalize["std"][2].as_f64().map(|std| (std * 10.0).round()),
        Some(4.0)
    );
    assert_eq!(normalize["mean"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_wrong_option_is_named() {
    let labels = |count: usize| vec!["x".to_owned(); count];
    let cases: Vec<(ImportOptions, &str)> = vec![
        (
            ImportOptions {
                image_shape: None,
                ..options()
            },
            "image_shape",
        ),
        (
            ImportOptions {
                image_shape: Some([1, 40, 48]),
                ..options()
            },
            "features",
        ),
        (
            ImportOptions {
                image_shape: Some([3, 0, 48]),
                ..options()
            },
            "image_shape",
        ),
        (
            ImportOptions {
                image_shape: Some([3, 1 << 20, 48]),
                ..options()
            },
            "image_shape",
        ),
        (
            ImportOptions {
                labels: labels(4),
                ..options()
            },
            "5 classes",
        ),
        (
            ImportOptions {
                classes: Some(4),
                labels: labels(5),
                ..options()
            },
            "4 classes have 5",
        ),
        (
            ImportOptions {
                classes: Some(9),
                ..options()
            },
            "not 9 outputs",
        ),
        (
            ImportOptions {
                mean: Some(vec![0.1, 0.2]),
                ..options()
            },
            "2 values for 3 channels",
        ),
        (
            ImportOptions {
                std: Some(vec![0.0]),
                ..options()
            },
            "std",
        ),
        (
            ImportOptions {
                license: Some("mine".to_owned()),
                ..options()
            },
            "SPDX",
        ),
        (
            ImportOptions {
                architecture: Some("vgg".to_owned()),
                ..options()
            },
            "unknown architecture",
        ),
        (
            ImportOptions {
                architecture_config: Some(json!({})),
                ..options()
            },
            "is not named",
        ),
        (
            ImportOptions {
                architecture: Some("lenet".to_owned()),
                classes: Some(5),
                ..options()
            },
            "the weights do not fit the network",
        ),
    ];
    for (options, part) in cases {
        // The published VGG has a usual size; a network of one's own layers has none.
        let name = if options.image_shape.is_none() {
            "sequential.pth"
        } else {
            "vgg.pth"
        };
        let error = try_import(name, &file(name), &options).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

#[test]
fn a_file_of_another_format_is_told_what_is_read() {
    for bytes in [b"".as_slice(), b"GGUF\x03\0\0\0aaaaaaaa"] {
        let error = try_import("x.bin", bytes, &options())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("PyTorch (.pth, .pt, .th, .bin), safetensors and ONNX are read"),
            "{error}"
        );
    }
    let broken = try_import("x.safetensors", b"\xFF\0\0\0\0\0\0\0{\"a\"", &options());
    assert!(broken.unwrap_err().to_string().contains("safetensors"));
}
