//! A small run over synthetic images that uses everything random: order, augmentations, dropout,
//! batch normalization.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mofang_data::{
    Catalogue, CleaningReport, Dataset, Example, PipelineFiles, Pixels, RawExample, Split,
    SplitName,
};
use mofang_nn::DeviceChoice;
use mofang_train::{
    EpochProgress, Recipe, Resume, StepRecord, TrainError, TrainObserver, TrainOutcome,
    TrainRequest, train,
};
use mofang_types::SystemClock;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The recipe of the small run: 4 epochs of 15 steps.
pub(crate) const RECIPE: &str = r#"
format_version = 1

[model]
name = "bars"
description = "Tells where a bright bar is."

[data]
dataset = "bars"

[pipeline]
transforms = [
    { type = "convert", color = "grayscale" },
    { type = "resize", height = 8, width = 8 },
    { type = "normalize", mean = [0.5], std = [0.5] },
]
decoders = [{ type = "softmax" }, { type = "top_k", k = 2 }, { type = "labels" }]

[[augmentations]]
type = "random_crop"
padding = 1

[[augmentations]]
type = "random_erasing"
probability = 0.5
area_max = 0.1

[architecture]
name = "simple_cnn"

[architecture.config]
blocks = [{ channels = 8, dropout = 0.1 }, { channels = 12 }]
hidden = [16]
dropout = 0.2

[train]
seed = 11
batch_size = 16
clip_norm = 1.0
label_smoothing = 0.05
optimizer = { name = "adamw", learning_rate = 0.01 }
schedule = { name = "cosine", warmup_epochs = 0.5 }
checkpoint_every_steps = 4
loader_threads = 2
final_weights = "best"

[train.stop]
epochs = 4

[evaluate]
batch_size = 32

[evaluate.gate]
accuracy = 0.5
"#;

/// The small run's recipe with a piece of its text changed.
pub(crate) fn recipe(from: &str, to: &str) -> Recipe {
    assert!(RECIPE.contains(from), "{from}");
    Recipe::parse(&RECIPE.replace(from, to)).unwrap()
}

fn split(count: usize, seed: u64) -> Arc<Split> {
    let mut randomness = ChaCha8Rng::seed_from_u64(seed);
    let examples = (0..count)
        .map(|index| {
            let label = index % 4;
            let data = (0..64)
                .map(|pixel: usize| {
                    let is_bar = pixel / 16 == label;
                    let noise = randomness.random_range(0..110_u8);
                    if is_bar { noise + 90 } else { noise }
                })
                .collect();
            Example {
                id: format!("{seed}/{index}"),
                input: RawExample::Pixels(Pixels::new(8, 8, 1, data).unwrap()),
                target: mofang_data::Target::Class(label),
            }
        })
        .collect();
    Arc::new(Split::new(examples))
}

/// 235 training images in batches of 16, the last one not full.
pub(crate) fn dataset() -> Arc<Dataset> {
    let mut entry = Catalogue::builtin()
        .unwrap()
        .entry("digits")
        .unwrap()
        .clone();
    "bars".clone_into(&mut entry.name);
    Arc::new(Dataset {
        name: "bars".to_owned(),
        labels: ["top", "upper", "lower", "bottom"]
            .map(str::to_owned)
            .to_vec(),
        splits: BTreeMap::from([
            (SplitName::Train, split(235, 1)),
            (SplitName::Validation, split(40, 2)),
            (SplitName::Test, split(60, 3)),
        ]),
        cleaning: CleaningReport::default(),
        entry,
    })
}

/// Runs `recipe` over `dataset` in `run_dir`.
pub(crate) fn run_over(
    dataset: Arc<Dataset>,
    recipe: Recipe,
    run_dir: &Path,
    resume: Resume,
    stop: Arc<AtomicBool>,
    observer: &mut dyn TrainObserver,
) -> Result<TrainOutcome, TrainError> {
    train(TrainRequest {
        recipe,
        dataset,
        run_dir: run_dir.to_owned(),
        resume,
        initial_weights: None,
        pipeline_files: PipelineFiles::new(),
        device: DeviceChoice::Cpu,
        clock: Arc::new(SystemClock::new()),
        stop,
        observer,
    })
}

/// Runs `recipe` over [`dataset`] to its end.
pub(crate) fn run(
    recipe: Recipe,
    run_dir: &Path,
    resume: Resume,
) -> Result<TrainOutcome, TrainError> {
    let stop = Arc::new(AtomicBool::new(false));
    run_over(
        dataset(),
        recipe,
        run_dir,
        resume,
        stop,
        &mut mofang_train::NoObserver,
    )
}

/// Asks the run to stop after a step.
pub(crate) struct StopAt {
    pub(crate) step: u64,
    pub(crate) stop: Arc<AtomicBool>,
}

impl TrainObserver for StopAt {
    fn step(&mut self, step: &StepRecord, _: &EpochProgress) {
        if step.step == self.step {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// The lines of a run's `metrics.jsonl`, without their times.
pub(crate) fn trace(run_dir: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run_dir.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("elapsed_ms");
            line
        })
        .collect()
}

/// The checkpoints of a run, by name.
pub(crate) fn checkpoints(run_dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(run_dir.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
