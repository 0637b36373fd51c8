//! When runs end, what they leave, and that they stop when they diverge.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mofang_nn::DeviceChoice;
use mofang_train::{
    EpochProgress, EpochRecord, Resume, RunStatus, StepRecord, StopReason, TrainError,
    TrainObserver, TrainOutcome, TrainRequest, TrainStart, train,
};
use mofang_types::testing::ManualClock;
use mofang_types::{Coded as _, ErrorCode, WEIGHTS_FILE};

use crate::support::{dataset, recipe, run, trace};

fn reason(outcome: &TrainOutcome) -> &StopReason {
    match &outcome.status {
        RunStatus::Completed { reason } => reason,
        RunStatus::Interrupted { step } => panic!("interrupted at {step}"),
    }
}

#[test]
fn a_run_ends_by_the_first_rule_that_holds() {
    let folder = tempfile::tempdir().unwrap();
    let end = |name: &str, rules: &str| {
        let outcome = run(
            recipe("epochs = 4", rules),
            &folder.path().join(name),
            Resume::Fresh,
        );
        let outcome = outcome.unwrap();
        (reason(&outcome).clone(), outcome.steps)
    };
    assert_eq!(
        end("epochs", "epochs = 1\nsteps = 100"),
        (StopReason::Epochs { epochs: 1 }, 15)
    );
    assert_eq!(
        end("steps", "epochs = 9\nsteps = 20"),
        (StopReason::Steps { steps: 20 }, 20)
    );
    let (target, steps) = end(
        "target",
        "epochs = 9\ntarget = { metric = \"accuracy\", value = 0.3 }",
    );
    assert!(
        matches!(target, StopReason::Target { .. }) && steps < 9 * 15,
        "{target} {steps}"
    );
    let (patience, steps) = end(
        "patience",
        "epochs = 9\npatience_epochs = 2\nmin_delta = 1.0",
    );
    assert_eq!((patience, steps), (StopReason::Patience { epochs: 2 }, 45));
}

#[test]
fn time_counts_as_a_rule_and_adds_up_over_parts() {
    struct Slow(Arc<ManualClock>);
    impl TrainObserver for Slow {
        fn step(&mut self, _: &StepRecord, _: &EpochProgress) {
            self.0.advance(Duration::from_secs(10));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let outcome = train(TrainRequest {
        recipe: recipe("epochs = 4", "epochs = 4\nseconds = 65.0"),
        dataset: dataset(),
        run_dir: folder.path().to_owned(),
        resume: Resume::Fresh,
        initial_weights: None,
        pipeline_files: mofang_data::PipelineFiles::new(),
        device: DeviceChoice::Cpu,
        clock: clock.clone(),
        stop: Arc::new(AtomicBool::new(false)),
        observer: &mut Slow(clock),
    })
    .unwrap();
    assert_eq!(
        (reason(&outcome), outcome.steps),
        (&StopReason::Seconds { seconds: 65.0 }, 7)
    );
    assert_eq!(outcome.history[0].elapsed_ms, 70_000);
}

#[test]
fn a_missed_gate_or_target_keeps_the_run_and_says_why_it_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let rules = "epochs = 1\ntarget = { metric = \"log_loss\", value = 0.0 }";
    let outcome = run(recipe("epochs = 4", rules), folder.path(), Resume::Fresh).unwrap();
    let refusal = outcome.gate.refusal().unwrap();
    assert!(
        refusal.contains("the target of at most 0 for log_loss is missed"),
        "{refusal}"
    );
    assert!(!outcome.weights.is_empty());
    let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(report.contains("Not published on its own"), "{report}");
}

#[test]
fn a_diverged_run_names_the_step_and_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let wild = recipe(
        "optimizer = { name = \"adamw\", learning_rate = 0.01 }\nschedule = { name = \"cosine\", warmup_epochs = 0.5 }",
        "optimizer = { name = \"sgd\", learning_rate = 1.0, weight_decay = 1e5 }\nschedule = { name = \"constant\", warmup_epochs = 1000.0 }",
    );
    // The decay overshoots by more at each step: slow enough for a checkpoint, and then over the edge.
    let text = wild.text().replace("clip_norm = 1.0\n", "");
    let wild = mofang_train::Recipe::parse(&text).unwrap();
    let error = run(wild, folder.path(), Resume::Fresh).unwrap_err();
    let TrainError::Diverged {
        step,
        last_checkpoint,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(
        error
            .to_string()
            .contains(&format!("diverged at step {step}")),
        "{error}"
    );
    let steps = trace(folder.path()).len() as u64;
    assert!(step == steps + 1 || step == steps, "{step} {steps}");
    if let Some(checkpoint) = last_checkpoint {
        assert!(
            checkpoint < step && checkpoint % 4 == 0,
            "{checkpoint} {step}"
        );
    }
}

/// Counts what it is told.
#[derive(Default)]
struct Counter {
    start: Option<TrainStart>,
    steps: u64,
    epochs: u64,
    checkpoints: Vec<u64>,
}

impl TrainObserver for Counter {
    fn started(&mut self, start: &TrainStart) {
        self.start = Some(start.clone());
    }

    fn step(&mut self, _: &StepRecord, progress: &EpochProgress) {
        self.steps += 1;
        assert_eq!(progress.batches, 15);
    }

    fn epoch(&mut self, _: &EpochRecord) {
        self.epochs += 1;
    }

    fn checkpoint(&mut self, step: u64) {
        self.checkpoints.push(step);
    }
}

#[test]
fn a_run_leaves_its_trace_its_report_and_a_package() {
    let folder = tempfile::tempdir().unwrap();
    let mut counter = Counter::default();
    let stop = Arc::new(AtomicBool::new(false));
    let outcome = crate::support::run_over(
        dataset(),
        recipe("epochs = 4", "epochs = 2"),
        folder.path(),
        Resume::Fresh,
        stop,
        &mut counter,
    )
    .unwrap();
    assert_eq!((counter.steps, counter.epochs), (30, 2));
    assert_eq!(counter.start.unwrap().steps_total, Some(30));
    assert_eq!(counter.checkpoints, [4, 8, 12, 15, 16, 20, 24, 28, 30]);
    assert_eq!(trace(folder.path()).len(), 32);
    for name in [
        "report.json",
        "report.md",
        "loss.svg",
        "confusion.svg",
        "most_confused.svg",
    ] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    let evaluation = outcome.evaluation.clone().unwrap();
    assert_eq!(
        json["test"]["metrics"]["accuracy"],
        evaluation.metrics["accuracy"]
    );
    assert_eq!(json["splits"]["train"]["examples"], 235);
    assert!(outcome.gate.is_passed() && json["is_gate_passed"] == true);
    // The value stands beside its interval, and the gate is about the value.
    let accuracy = evaluation.metrics["accuracy"];
    let [low, high] = evaluation.intervals["accuracy"];
    assert!(low <= accuracy && accuracy <= high, "{low} {high}");
    assert_eq!(outcome.gate.checks[0].value, Some(accuracy));
    assert_eq!(json["test"]["resamples"], 1_000);
    let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    let row = format!("| accuracy | {accuracy:.4} [{low:.4}, {high:.4}] |");
    assert!(report.contains(&row), "{row} is not in {report}");

    let weights = outcome.weights.clone();
    let (manifest, files) = outcome.into_package();
    assert_eq!(files[WEIGHTS_FILE], weights);
    assert!(files.contains_key("report/report.md") && files.contains_key("recipe.toml"));
    assert_eq!(manifest.labels.len(), 4);
    assert_eq!(manifest.metrics, evaluation.metrics);
    assert_eq!(manifest.provenance.dataset_digests.len(), 3);
    let pipeline = mofang_data::Pipeline::from_json(&manifest.pipeline).unwrap();
    assert_eq!(
        pipeline.compile(&manifest.labels).unwrap().input(),
        Some(mofang_types::ModelInput::image([1, 8, 8]))
    );
}

#[test]
fn a_recipe_that_needs_a_validation_split_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut dataset = (*dataset()).clone();
    dataset.splits.remove(&mofang_data::SplitName::Validation);
    let error = crate::support::run_over(
        Arc::new(dataset),
        recipe("seed = 11", "seed = 11"),
        folder.path(),
        Resume::Fresh,
        Arc::new(AtomicBool::new(false)),
        &mut mofang_train::NoObserver,
    )
    .unwrap_err();
    assert!(matches!(error, TrainError::NoValidation(_)), "{error}");
}

#[test]
fn a_network_with_outputs_at_each_step_is_refused_where_a_task_reads_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let stepwise = recipe(
        "name = \"simple_cnn\"\n\n[architecture.config]\nblocks = [{ channels = 8, dropout = 0.1 }, { channels = 12 }]\nhidden = [16]",
        "name = \"crnn\"\n\n[architecture.config]\nchannels = [4]\ntime_strides = [2]",
    );
    let error = run(stepwise, folder.path(), Resume::Fresh).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(matches!(error, TrainError::ManySteps { .. }), "{error}");
    assert!(error.to_string().contains("\"crnn\""), "{error}");
    // Nothing was learned before it was refused.
    assert!(!folder.path().join("metrics.jsonl").exists());
}
