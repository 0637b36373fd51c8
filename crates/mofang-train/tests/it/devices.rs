//! What a run computes on; `tests/vulkan` has the runs on another device.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_data::PipelineFiles;
use mofang_nn::DeviceChoice;
use mofang_train::{NoObserver, Resume, TrainRequest, train};
use mofang_types::{Coded as _, ErrorCode, SystemClock};
use serde_json::Value;

use crate::support::{dataset, recipe};

fn request<'a>(
    device: DeviceChoice,
    run_dir: &Path,
    observer: &'a mut NoObserver,
) -> TrainRequest<'a> {
    TrainRequest {
        recipe: recipe("[train.stop]\nepochs = 4", "[train.stop]\nsteps = 2"),
        dataset: dataset(),
        run_dir: run_dir.to_owned(),
        resume: Resume::Fresh,
        initial_weights: None,
        pipeline_files: PipelineFiles::new(),
        device,
        clock: Arc::new(SystemClock::new()),
        stop: Arc::new(AtomicBool::new(false)),
        observer,
    }
}

#[test]
fn a_report_says_what_computed() {
    let folder = tempfile::tempdir().unwrap();
    train(request(DeviceChoice::Cpu, folder.path(), &mut NoObserver)).unwrap();
    let report = std::fs::read(folder.path().join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["device"], "cpu");
    let text = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(text.contains("| device | cpu |"), "{text}");
}

#[test]
fn a_device_that_is_not_there_is_told_before_a_run_begins() {
    if DeviceChoice::Vulkan.find().is_ok() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let error = train(request(DeviceChoice::Vulkan, &run_dir, &mut NoObserver)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(!run_dir.exists());
}
