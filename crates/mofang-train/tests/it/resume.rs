//! Interrupting, going on, and what is refused.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_data::{PipelineFiles, SplitName};
use mofang_nn::{DeviceChoice, LoadReport};
use mofang_train::{
    InitialWeights, Resume, RunStatus, TrainError, TrainObserver, TrainRequest, train,
};
use mofang_types::{ArtifactDigest, Coded as _, ErrorCode, SystemClock};

use crate::support::{RECIPE, StopAt, checkpoints, dataset, recipe, run, run_over, trace};

/// Keeps what came of loading initial weights.
#[derive(Default)]
struct Reports(Vec<LoadReport>);

impl TrainObserver for Reports {
    fn initialized(&mut self, report: &LoadReport) {
        self.0.push(report.clone());
    }
}

fn whole() -> mofang_train::Recipe {
    recipe("seed = 11", "seed = 11")
}

#[test]
fn rel_1_a_run_that_is_interrupted_anywhere_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let expected = run(whole(), &folder.path().join("whole"), Resume::Fresh).unwrap();
    let lines = trace(&folder.path().join("whole"));

    // Within the first interval, at a checkpoint, at an epoch's end, and right before the end.
    let run_dir = folder.path().join("parts");
    for (part, step) in [2_u64, 8, 15, 31, 59].into_iter().enumerate() {
        let stop = Arc::new(AtomicBool::new(false));
        let observer = &mut StopAt {
            step,
            stop: Arc::clone(&stop),
        };
        let resume = if part == 0 {
            Resume::Fresh
        } else {
            Resume::Latest
        };
        let outcome = run_over(
            dataset(),
            whole(),
            &run_dir,
            resume,
            Arc::clone(&stop),
            observer,
        )
        .unwrap();
        assert_eq!(outcome.status, RunStatus::Interrupted { step });
        assert!(outcome.evaluation.is_none() && outcome.gate.is_passed());
        let newest = checkpoints(&run_dir).pop().unwrap();
        assert!(newest.contains(&format!("{step:012}")), "{newest}");
    }
    let outcome = run(whole(), &run_dir, Resume::Latest).unwrap();
    assert_eq!(
        ArtifactDigest::of(&outcome.weights),
        ArtifactDigest::of(&expected.weights)
    );
    assert_eq!(trace(&run_dir), lines);
    assert_eq!(outcome.evaluation, expected.evaluation);

    // A run that is over only judges again.
    let again = run(whole(), &run_dir, Resume::Latest).unwrap();
    assert_eq!(again.weights, expected.weights);
    assert_eq!(trace(&run_dir), lines);
}

#[test]
fn rel_1_loader_threads_do_not_change_a_bit() {
    let folder = tempfile::tempdir().unwrap();
    let weights = |threads: &str| {
        let recipe = recipe("loader_threads = 2", &format!("loader_threads = {threads}"));
        run(recipe, &folder.path().join(threads), Resume::Fresh)
            .unwrap()
            .weights
    };
    assert_eq!(weights("1"), weights("3"));
}

#[test]
fn another_seed_is_another_run() {
    let folder = tempfile::tempdir().unwrap();
    let weights = |seed: &str| {
        let recipe = recipe("seed = 11", &format!("seed = {seed}"));
        run(recipe, &folder.path().join(seed), Resume::Fresh)
            .unwrap()
            .weights
    };
    assert_ne!(weights("11"), weights("12"));
}

#[test]
fn another_recipe_other_data_and_a_folder_in_use_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let short = || recipe("epochs = 4", "steps = 3");
    run(short(), folder.path(), Resume::Fresh).unwrap();
    let before = trace(folder.path());

    let error = run(short(), folder.path(), Resume::Fresh).unwrap_err();
    assert!(matches!(error, TrainError::NotEmpty(_)), "{error}");
    let error = run(whole(), folder.path(), Resume::Latest).unwrap_err();
    assert!(matches!(error, TrainError::WrongRecipe { .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::Conflict);

    let mut changed = (*dataset()).clone();
    let test = Arc::clone(changed.split(SplitName::Test).unwrap());
    changed.splits.insert(SplitName::Validation, test);
    let stop = Arc::new(AtomicBool::new(false));
    let observer = &mut mofang_train::NoObserver;
    let changed = Arc::new(changed);
    let error = run_over(
        changed,
        short(),
        folder.path(),
        Resume::Latest,
        stop,
        observer,
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("validation split has changed"),
        "{error}"
    );
    assert_eq!(trace(folder.path()), before);
}

#[test]
fn a_damaged_checkpoint_is_set_aside_and_the_one_before_gives_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    let expected = run(whole(), &folder.path().join("whole"), Resume::Fresh).unwrap();
    let run_dir = folder.path().join("damaged");
    let stop = Arc::new(AtomicBool::new(false));
    let observer = &mut StopAt {
        step: 30,
        stop: Arc::clone(&stop),
    };
    run_over(dataset(), whole(), &run_dir, Resume::Fresh, stop, observer).unwrap();
    let newest = run_dir
        .join("checkpoints")
        .join(checkpoints(&run_dir).pop().unwrap());
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&newest, bytes).unwrap();
    let outcome = run(whole(), &run_dir, Resume::Latest).unwrap();
    assert_eq!(outcome.weights, expected.weights);
    assert_eq!(trace(&run_dir), trace(&folder.path().join("whole")));
}

#[test]
fn a_run_begins_with_the_weights_that_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(whole(), &folder.path().join("first"), Resume::Fresh).unwrap();
    let text = RECIPE
        .replace("epochs = 4", "steps = 1")
        .replace(
            "learning_rate = 0.01",
            "learning_rate = 0.0, weight_decay = 0.0",
        )
        .replace(
            "[train]\n",
            "[architecture.initial_weights]\nfrom = \"bars@1\"\n\n[train]\n",
        );
    let start = |name: &str, weights: Option<Vec<u8>>, reports: &mut Reports| {
        let weights = weights.map(|bytes| InitialWeights {
            parent: Some("bars@1".to_owned()),
            bytes,
        });
        train(TrainRequest {
            recipe: mofang_train::Recipe::parse(&text).unwrap(),
            dataset: dataset(),
            run_dir: folder.path().join(name),
            resume: Resume::Fresh,
            initial_weights: weights,
            pipeline_files: PipelineFiles::new(),
            device: DeviceChoice::Cpu,
            clock: Arc::new(SystemClock::new()),
            stop: Arc::new(AtomicBool::new(false)),
            observer: reports,
        })
    };
    let mut reports = Reports::default();
    let error = start("none", None, &mut reports).unwrap_err();
    assert!(error.to_string().contains("bars@1"), "{error}");
    assert!(start("bad", Some(b"no safetensors".to_vec()), &mut reports).is_err());
    let outcome = start("given", Some(first.weights.clone()), &mut reports).unwrap();
    assert_eq!(reports.0.len(), 1);
    assert!(reports.0[0].is_exact() && reports.0[0].loaded > 0);
    // The rate is zero: only running statistics move, and the answers stay about as good.
    let accuracy = |outcome: &mofang_train::TrainOutcome| {
        outcome.evaluation.as_ref().unwrap().metrics["accuracy"]
    };
    assert!(accuracy(&outcome) > 0.9 && accuracy(&first) > 0.9);
    let (manifest, _) = outcome.into_package();
    assert_eq!(manifest.provenance.parent.as_deref(), Some("bars@1"));
}
