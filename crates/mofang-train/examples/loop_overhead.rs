//! What the training loop adds to the bare step: `loop_overhead [ROUNDS]`.
//!
//! The bare step is forward, backward and the optimizer's update of the network of
//! `recipes/fashion-mnist.toml` on one batch that lies ready. The loop does the same number of steps
//! with everything that belongs to a run: loading and augmenting, loss and accuracy, checks for NaN,
//! `metrics.jsonl`, a checkpoint every 20 steps. Both take turns, and the median of the rounds'
//! ratios counts.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the command line"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mofang_data::{
    Catalogue, CleaningReport, DataLoader, Dataset, Example, LoaderSettings, PipelineFiles, Pixels,
    RawExample, Split, SplitName,
};
use mofang_nn::{DeviceChoice, Network, NetworkSpec, cpu_device, step_seed};
use mofang_train::optimizer::{OptimizerState, StepSettings};
use mofang_train::{EpochProgress, Recipe, Resume, StepRecord, TrainObserver, TrainRequest, train};
use mofang_types::{Clock, SystemClock};

const RECIPE: &str = include_str!("../../../recipes/fashion-mnist.toml");
const STEPS: u64 = 60;

/// The first steps, which warm caches up and are not counted.
const WARMUP: u64 = 5;

/// Notes when the counted steps begin and end.
struct Stopwatch {
    clock: Arc<SystemClock>,
    began: Duration,
    ended: Duration,
}

impl TrainObserver for Stopwatch {
    fn step(&mut self, step: &StepRecord, _: &EpochProgress) {
        let now = self.clock.monotonic();
        if step.step == WARMUP {
            self.began = now;
        }
        self.ended = now;
    }
}

fn split(count: usize) -> Result<Arc<Split>, Box<dyn Error>> {
    let examples: Result<Vec<Example>, Box<dyn Error>> = (0..count)
        .map(|index| {
            let data = (0..784).map(|pixel: usize| u8::try_from((pixel * 31 + index * 17) % 256));
            Ok(Example {
                id: index.to_string(),
                input: RawExample::Pixels(Pixels::new(28, 28, 1, data.collect::<Result<_, _>>()?)?),
                target: mofang_data::Target::Class(index % 10),
            })
        })
        .collect();
    Ok(Arc::new(Split::new(examples?)))
}

fn dataset() -> Result<Dataset, Box<dyn Error>> {
    let entry = Catalogue::builtin()?.entry("fashion-mnist")?.clone();
    Ok(Dataset {
        name: entry.name.clone(),
        labels: entry.labels.clone(),
        splits: BTreeMap::from([(SplitName::Train, split(128 * 70)?)]),
        cleaning: CleaningReport::default(),
        entry,
    })
}

/// The recipe with as many steps as are timed, and a checkpoint every 20.
fn recipe() -> Result<Recipe, Box<dyn Error>> {
    let mut table: toml::Table = RECIPE.parse()?;
    let train = table
        .get_mut("train")
        .and_then(toml::Value::as_table_mut)
        .ok_or("the recipe has no table train")?;
    let stop = toml::Table::from_iter([("steps".to_owned(), i64::try_from(STEPS)?.into())]);
    train.insert("stop".to_owned(), stop.into());
    train.insert("checkpoint_every_steps".to_owned(), 20.into());
    Ok(Recipe::parse(&toml::to_string(&table)?)?)
}

/// Seconds of a bare step.
fn bare(recipe: &Recipe, dataset: &Dataset, clock: &SystemClock) -> Result<f64, Box<dyn Error>> {
    let pipeline = Arc::new(recipe.pipeline.compile(&dataset.labels)?);
    let spec = NetworkSpec {
        architecture: recipe.architecture.spec(),
        input: Recipe::input_of(&pipeline)?,
        outputs: dataset.labels.len(),
    };
    let settings = LoaderSettings {
        batch_size: recipe.train.batch_size,
        ..LoaderSettings::default()
    };
    let loader = DataLoader::new(
        Arc::clone(dataset.split(SplitName::Train)?),
        pipeline,
        settings,
    )?;
    let batch = loader.epoch(0, 0).next().ok_or("no batch")??;
    let device = cpu_device().autodiff();
    let mut network = Network::new(&spec, 1, &device)?;
    let mut optimizer = recipe.train.optimizer.build(&OptimizerState::default());
    let mut began = Duration::ZERO;
    for step in 0..STEPS {
        if step == WARMUP {
            began = clock.monotonic();
        }
        optimizer.begin(StepSettings {
            learning_rate: recipe.train.optimizer.learning_rate(),
            gradient_factor: 1.0,
        });
        let inputs = network.input(batch.inputs.clone(), &device)?;
        let logits = network.forward_train(inputs, step_seed(1, step));
        let loss = (logits.clone() * logits).sum();
        let gradients = network.gradients(&loss.backward())?;
        network = network.map_values(&mut |info, values| {
            let gradient = gradients.get(&info.name)?;
            Some(optimizer.update(&info.name, values, gradient.data(), 1.0))
        })?;
    }
    Ok(clock.monotonic().saturating_sub(began).as_secs_f64()
        / f64::from(u32::try_from(STEPS - WARMUP)?))
}

/// Seconds of a step of the loop.
fn whole(
    recipe: &Recipe,
    dataset: &Arc<Dataset>,
    clock: &Arc<SystemClock>,
) -> Result<f64, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("loop-overhead-{}", std::process::id()));
    let mut stopwatch = Stopwatch {
        clock: Arc::clone(clock),
        began: Duration::ZERO,
        ended: Duration::ZERO,
    };
    let outcome = train(TrainRequest {
        recipe: recipe.clone(),
        dataset: Arc::clone(dataset),
        run_dir: folder.clone(),
        resume: Resume::Fresh,
        initial_weights: None,
        pipeline_files: PipelineFiles::new(),
        device: DeviceChoice::Cpu,
        clock: clock.clone(),
        stop: Arc::new(AtomicBool::new(false)),
        observer: &mut stopwatch,
    });
    std::fs::remove_dir_all(folder)?;
    outcome?;
    let elapsed = stopwatch
        .ended
        .saturating_sub(stopwatch.began)
        .as_secs_f64();
    Ok(elapsed / f64::from(u32::try_from(STEPS - WARMUP)?))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn run() -> Result<(), Box<dyn Error>> {
    let rounds: u32 = std::env::args()
        .nth(1)
        .map_or(Ok(13), |rounds| rounds.parse())?;
    let recipe = recipe()?;
    let dataset = Arc::new(dataset()?);
    let clock = Arc::new(SystemClock::new());
    let mut pairs = Vec::new();
    for round in 1..=rounds {
        let (bare, whole) = (
            bare(&recipe, &dataset, &clock)?,
            whole(&recipe, &dataset, &clock)?,
        );
        println!(
            "round {round}: bare {:.1} ms, loop {:.1} ms",
            bare * 1e3,
            whole * 1e3
        );
        pairs.push((bare, whole));
    }
    println!(
        "medians: bare {:.1} ms, loop {:.1} ms, loop / bare {:.3}",
        median(pairs.iter().map(|(bare, _)| bare * 1e3)),
        median(pairs.iter().map(|(_, whole)| whole * 1e3)),
        median(pairs.iter().map(|(bare, whole)| whole / bare))
    );
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to measure: {error}");
            ExitCode::FAILURE
        }
    }
}
