//! Runs on a device that is reached through Vulkan, be it one in software. Where there is none the tests say so
//! and pass.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[expect(dead_code, reason = "the other tests of this crate use the rest")]
#[path = "../it/support.rs"]
mod support;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_data::PipelineFiles;
use mofang_nn::{ComputeDevice, DeviceChoice};
use mofang_train::{NoObserver, Resume, TrainOutcome, TrainRequest, train};
use mofang_types::SystemClock;
use serde_json::Value;

use support::{dataset, recipe, trace};

/// How far the numbers of a few steps may be apart: devices add in orders of their own.
const TOLERANCE: f64 = 1e-3;

/// Past the first epoch and its validation.
const STEPS: u64 = 17;

/// The device; none where there is none.
fn vulkan() -> Option<ComputeDevice> {
    let found = DeviceChoice::Vulkan.find().ok();
    if found.is_none() {
        // Past the capture of what tests print: it is to be seen.
        let _ = writeln!(std::io::stderr(), "skipped: no Vulkan device");
    }
    found
}

/// The small run for a few steps; it is asked to stop at once when `is_stopped`.
fn run_on(device: DeviceChoice, run_dir: &Path, resume: Resume, is_stopped: bool) -> TrainOutcome {
    let steps = format!("[train.stop]\nsteps = {STEPS}");
    train(TrainRequest {
        recipe: recipe("[train.stop]\nepochs = 4", &steps),
        dataset: dataset(),
        run_dir: run_dir.to_owned(),
        resume,
        initial_weights: None,
        pipeline_files: PipelineFiles::new(),
        device,
        clock: Arc::new(SystemClock::new()),
        stop: Arc::new(AtomicBool::new(is_stopped)),
        observer: &mut NoObserver,
    })
    .unwrap()
}

#[test]
fn a_run_on_vulkan_is_that_on_the_processor_but_for_rounding() {
    let Some(found) = vulkan() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let run = |device: DeviceChoice| {
        let run_dir = folder.path().join(device.to_string());
        let outcome = run_on(device, &run_dir, Resume::Fresh, false);
        assert_eq!(outcome.steps, STEPS);
        let lines = trace(&run_dir).into_iter();
        let losses: Vec<f64> = lines.filter_map(|line| line["loss"].as_f64()).collect();
        let report = std::fs::read(run_dir.join("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        (losses, report["device"].as_str().unwrap().to_owned())
    };
    let (expected, processor) = run(DeviceChoice::Cpu);
    let (actual, device) = run(DeviceChoice::Vulkan);
    assert_eq!([processor, device], ["cpu".to_owned(), found.to_string()]);
    assert_eq!(actual.len(), expected.len());
    for (actual, expected) in actual.iter().zip(&expected) {
        let difference = (actual - expected).abs();
        assert!(difference < TOLERANCE, "{actual} is not {expected}");
    }
}

#[test]
fn a_run_goes_on_on_another_device() {
    if vulkan().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    run_on(DeviceChoice::Cpu, folder.path(), Resume::Fresh, true);
    let outcome = run_on(DeviceChoice::Vulkan, folder.path(), Resume::Latest, false);
    assert_eq!(outcome.steps, STEPS);
    assert!(outcome.evaluation.is_some());
}
