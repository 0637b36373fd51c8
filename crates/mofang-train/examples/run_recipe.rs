//! Runs a recipe without a registry: `run_recipe RECIPE RUN_DIR DATASETS_DIR [--resume]`.
//!
//! For tuning recipes and for measuring the trainer; `mofang train` is the way to a model version.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the command line"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_data::{Catalogue, DatasetStore, PipelineFiles, SplitName};
use mofang_nn::DeviceChoice;
use mofang_train::{
    EpochRecord, Recipe, Resume, TrainObserver, TrainOutcome, TrainRequest, TrainStart, train,
};
use mofang_types::{ArtifactDigest, SystemClock};

struct Lines;

impl TrainObserver for Lines {
    fn started(&mut self, start: &TrainStart) {
        println!("{start:?}");
    }

    fn epoch(&mut self, epoch: &EpochRecord) {
        let value = |name: &str| epoch.validation.get(name).copied().unwrap_or(f64::NAN);
        println!(
            "epoch {} step {}: loss {:.4} accuracy {:.4?}; validation loss {:.4} accuracy {:.4}; {:.1} s",
            epoch.epoch,
            epoch.step,
            epoch.loss,
            epoch.accuracy,
            value("log_loss"),
            value("accuracy"),
            f64::from(u32::try_from(epoch.elapsed_ms).unwrap_or(u32::MAX)) / 1000.0
        );
    }

    fn evaluating(&mut self, split: SplitName, examples: usize) {
        println!("judging {examples} examples of the {split} split");
    }
}

fn run(arguments: &[String]) -> Result<TrainOutcome, Box<dyn std::error::Error>> {
    let [recipe, run_dir, datasets, rest @ ..] = arguments else {
        return Err("usage: run_recipe RECIPE RUN_DIR DATASETS_DIR [--resume]".into());
    };
    let recipe = Recipe::parse(&std::fs::read_to_string(recipe)?)?;
    let store = DatasetStore::new(PathBuf::from(datasets), Catalogue::builtin()?);
    let dataset = Arc::new(store.load(&recipe.data.dataset, &recipe.data.split)?);
    let is_resumed = rest.iter().any(|argument| argument == "--resume");
    let outcome = train(TrainRequest {
        recipe,
        dataset,
        run_dir: PathBuf::from(run_dir),
        resume: if is_resumed {
            Resume::Latest
        } else {
            Resume::Fresh
        },
        initial_weights: None,
        pipeline_files: PipelineFiles::new(),
        device: DeviceChoice::Cpu,
        clock: Arc::new(SystemClock::new()),
        stop: Arc::new(AtomicBool::new(false)),
        observer: &mut Lines,
    })?;
    Ok(outcome)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(outcome) => {
            for (name, value) in outcome.evaluation.iter().flat_map(|judged| &judged.metrics) {
                println!("test {name}: {value:.4}");
            }
            println!(
                "gate: {}",
                outcome
                    .gate
                    .refusal()
                    .unwrap_or_else(|| "passed".to_owned())
            );
            println!("weights: {}", ArtifactDigest::of(&outcome.weights));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("failed to run the recipe: {error}");
            ExitCode::FAILURE
        }
    }
}
