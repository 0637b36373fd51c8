//! The binary on a device that is reached through Vulkan, be it one in software. Where there is none the test says so
//! and passes.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[expect(dead_code, reason = "the other tests of this crate use the rest")]
#[path = "../it/support.rs"]
mod support;

use std::fs;
use std::io::Write as _;

use serde_json::Value;

use support::Home;

/// How far results may be apart: devices add in orders of their own.
const TOLERANCE: f64 = 1e-3;

#[test]
fn vulkan_trains_and_predicts_as_the_processor_does() {
    let home = Home::trained();
    let doctor = home.run(&["doctor"]).expect(0).stdout;
    if !doctor.contains("vulkan: ") {
        // Past the capture of what tests print: it is to be seen.
        let _ = writeln!(std::io::stderr(), "skipped: no Vulkan device");
        return;
    }
    let (image, _) = home.image();
    let image = image.to_str().unwrap();
    let probabilities = |device: &str| -> Vec<f64> {
        let arguments = ["predict", "digits", image, "--device", device];
        let ran = home.run(&[&arguments[..], &["--format", "json"]].concat());
        let answer = ran.expect(0).json();
        let classes = answer["prediction"]["classes"].as_array().unwrap();
        let probability = |class: &Value| class["probability"].as_f64().unwrap();
        classes.iter().map(probability).collect()
    };
    let (expected, actual) = (probabilities("cpu"), probabilities("vulkan"));
    assert_eq!(actual.len(), expected.len());
    for (actual, expected) in actual.iter().zip(&expected) {
        let difference = (actual - expected).abs();
        assert!(difference < TOLERANCE, "{actual} is not {expected}");
    }

    let text = include_str!("../../../../recipes/digits.toml");
    let text = text.replace("epochs = 36", "steps = 4");
    fs::write(home.path("recipe.toml"), text).unwrap();
    let [expected, actual] = ["cpu", "vulkan"].map(|device| {
        let arguments = ["train", "recipe.toml", "--no-publish", "--device", device];
        let ran = home.run(&[&arguments[..], &["--format", "json"]].concat());
        let folder = ran.expect(0).json()["folder"].as_str().unwrap().to_owned();
        let report = fs::read(format!("{folder}/report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        assert!(report["device"].as_str().unwrap().starts_with(device));
        report["epochs"][0]["loss"].as_f64().unwrap()
    });
    let difference = (actual - expected).abs();
    assert!(difference < TOLERANCE, "{actual} is not {expected}");
}
