//! How a run of a network is opened: what is checked before its first step, and what it goes on from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mofang_data::{Dataset, FittedPipeline, SplitName};
use mofang_nn::{ComputeDevice, Network, Strictness};
use mofang_types::ArtifactDigest;

use super::feed::Feed;
use super::session::{Session, id_of};
use super::{
    CHECKPOINTS_FOLDER, InitialWeights, Resume, TrainObserver, TrainRequest, TrainStart,
    network_spec,
};
use crate::checkpoint::{Checkpoint, CheckpointFolder, CheckpointWriter};
use crate::early_stopping::EarlyStopping;
use crate::files::FileError;
use crate::judging::Questions;
use crate::lr_schedule::Span;
use crate::metrics::Judged;
use crate::metrics_log::MetricsLog;
use crate::optimizer::OptimizerState;
use crate::run_state::{EpochSums, RunState, STATE_FORMAT_VERSION};
use crate::{Recipe, TrainError};

impl<'a> Session<'a> {
    /// Prepares a run: reads the newest checkpoint or begins.
    pub(super) fn open(request: TrainRequest<'a>) -> Result<Self, TrainError> {
        let TrainRequest {
            recipe,
            dataset,
            run_dir,
            resume,
            initial_weights,
            pipeline_files,
            device,
            clock,
            stop,
            observer,
        } = request;
        let compute_device = device.find()?;
        let device = compute_device.open()?;
        check_classes(&recipe, &dataset)?;
        let fitted = recipe
            .pipeline
            .fit_with(dataset.split(SplitName::Train)?, &pipeline_files)?;
        let pipeline = fitted
            .pipeline
            .compile_with(&dataset.labels, &fitted.files)?;
        if pipeline.leaves_missing() {
            return Err(TrainError::MissingNumbers(recipe.architecture.name.clone()));
        }
        let loss = recipe.loss(&class_weights(&recipe, &dataset)?, dataset.labels.len());
        let spec = network_spec(&recipe, &pipeline)?;
        let pipeline = Arc::new(pipeline);
        let loader = Feed::new(&recipe, &dataset, &pipeline)?;
        let validation = match dataset.splits.get(&SplitName::Validation) {
            Some(split) => {
                let batch_size = recipe.evaluate.batch_size;
                let threads = recipe.train.loader_threads;
                Some(Questions::of(split, &pipeline, batch_size, threads)?)
            }
            None => None,
        };
        if validation.is_none() && recipe.train.needs_validation() {
            return Err(TrainError::NoValidation(dataset.name.clone()));
        }
        let batches_per_epoch = loader.batches_per_epoch();
        if batches_per_epoch == 0 {
            return Err(TrainError::NoBatch(dataset.name.clone()));
        }

        fs::create_dir_all(&run_dir).map_err(FileError::wrap("create", &run_dir))?;
        let mut folder = CheckpointFolder::open(
            run_dir.join(CHECKPOINTS_FOLDER),
            recipe.train.checkpoints_kept,
        )?;
        let checkpoint = match resume {
            Resume::Latest => folder.load_latest()?,
            Resume::Fresh if folder.is_empty()? => None,
            Resume::Fresh => return Err(TrainError::NotEmpty(run_dir)),
        };
        let mut network = Network::new(&spec, recipe.train.seed, &device.clone().autodiff())?;
        check_network(&recipe, &network)?;
        let resumed_step = checkpoint.as_ref().map(|checkpoint| checkpoint.state.step);
        let (state, optimizer_state) = if let Some(checkpoint) = checkpoint {
            check_same_run(&recipe, &dataset, &fitted, &run_dir, &checkpoint.state)?;
            warn_of_other_bits(&checkpoint.state, &compute_device);
            network = restore(network, &checkpoint)?;
            (checkpoint.state, checkpoint.optimizer)
        } else {
            let mut state = first_state(&recipe, &dataset, &fitted, &compute_device);
            network = begin_with(network, &recipe, initial_weights.as_ref(), observer)?;
            state.parent = initial_weights.and_then(|weights| weights.parent);
            (state, OptimizerState::default())
        };
        network = network.freeze(&recipe.train.freeze)?;
        let rate_factors = rate_factors(&recipe, &network)?;
        let steps_per_epoch = batches_per_epoch as u64;
        let stop_rules = &recipe.train.stop;
        let by_epochs = stop_rules
            .epochs
            .map(|epochs| epochs.saturating_mul(steps_per_epoch));
        let span = Span {
            steps_per_epoch,
            steps_total: by_epochs.into_iter().chain(stop_rules.steps).min(),
        };
        observer.started(&TrainStart {
            run_id: id_of(&run_dir),
            parameters: network.parameter_count(),
            train_examples: dataset.split(SplitName::Train)?.len(),
            steps_per_epoch,
            steps_total: span.steps_total,
            resumed_step,
        });
        Ok(Self {
            optimizer: recipe.train.optimizer.build(&optimizer_state),
            log: MetricsLog::open(&run_dir, state.metrics_bytes)?,
            writer: CheckpointWriter::start(folder, resumed_step),
            began: clock
                .monotonic()
                .saturating_sub(Duration::from_millis(state.elapsed_ms)),
            learning_rate: recipe.train.optimizer.learning_rate(),
            recipe,
            dataset,
            pipeline,
            fitted,
            spec,
            run_dir,
            network,
            device,
            loss,
            state,
            observer,
            clock,
            stop,
            loader,
            batches_per_epoch,
            validation,
            span,
            rate_factors,
        })
    }
}

/// The weight of each class; none for numbers, and where every class counts the same.
pub(super) fn class_weights(recipe: &Recipe, dataset: &Dataset) -> Result<Arc<[f64]>, TrainError> {
    if !recipe.model.task.is_classification() {
        return Ok(Arc::new([]));
    }
    let mut counts = vec![0_usize; dataset.labels.len()];
    for example in dataset.split(SplitName::Train)?.examples() {
        let class = example.target.class();
        if let Some(count) = class.and_then(|class| counts.get_mut(class)) {
            *count += 1;
        }
    }
    match &recipe.train.class_weights {
        Some(weights) => Ok(weights.of(&dataset.labels, &counts)?.into()),
        None => Ok(Arc::new([])),
    }
}

pub(super) fn first_state(
    recipe: &Recipe,
    dataset: &Dataset,
    fitted: &FittedPipeline,
    device: &ComputeDevice,
) -> RunState {
    let digests = dataset.splits.iter();
    RunState {
        format_version: STATE_FORMAT_VERSION,
        recipe_digest: recipe.digest(),
        split_digests: digests
            .map(|(name, split)| (name.to_string(), split.digest()))
            .collect(),
        pipeline_digests: digests_of(fitted),
        code_version: env!("CARGO_PKG_VERSION").to_owned(),
        compute_threads: rayon::current_num_threads(),
        device: device.to_string(),
        seed: recipe.train.seed,
        step: 0,
        epoch: 0,
        batch: 0,
        sums: EpochSums::default(),
        history: Vec::new(),
        early_stopping: EarlyStopping::default(),
        elapsed_ms: 0,
        metrics_bytes: 0,
        parent: None,
        finished: None,
    }
}

/// The digest of each file that the pipeline names.
fn digests_of(fitted: &FittedPipeline) -> BTreeMap<String, ArtifactDigest> {
    let files = fitted.files.iter();
    files
        .map(|(path, bytes)| (path.clone(), ArtifactDigest::of(bytes)))
        .collect()
}

/// Refuses to learn classes where there is one alone, and warns of those that no training example has.
pub(super) fn check_classes(recipe: &Recipe, dataset: &Dataset) -> Result<(), TrainError> {
    if !recipe.model.task.is_classification() {
        return Ok(());
    }
    let examples = dataset.split(SplitName::Train)?.examples();
    let seen: BTreeSet<usize> = examples.iter().filter_map(|e| e.target.class()).collect();
    if seen.len() < 2 {
        let label = seen.first().and_then(|class| dataset.labels.get(*class));
        return Err(TrainError::OneClass {
            dataset: dataset.name.clone(),
            label: label.cloned().unwrap_or_default(),
        });
    }
    let unseen = dataset.labels.iter().enumerate();
    let unseen: Vec<&str> = unseen
        .filter(|(class, _)| !seen.contains(class))
        .map(|(_, label)| label.as_str())
        .collect();
    if !unseen.is_empty() {
        tracing::warn!(
            dataset.name,
            "no training example has the label {}; the model cannot learn it",
            unseen.join(", ")
        );
    }
    Ok(())
}

/// Refuses a network whose outputs are not those that the task reads.
fn check_network(recipe: &Recipe, network: &Network) -> Result<(), TrainError> {
    let task = recipe.model.task;
    let architecture = recipe.architecture.name.clone();
    let has_steps = network.steps() > 1;
    match Judged::of(task) {
        // Another network gives outputs for a text, not for each of its tokens.
        Judged::Tokens => network.continuation().map(|_| ()).map_err(Into::into),
        Judged::Transcripts if has_steps => Ok(()),
        Judged::Transcripts => Err(TrainError::NoSteps(architecture)),
        Judged::Classes | Judged::Numbers if has_steps => {
            Err(TrainError::ManySteps { architecture, task })
        }
        Judged::Classes | Judged::Numbers => Ok(()),
    }
}

/// Refuses to go on with a run of another recipe or other data.
fn check_same_run(
    recipe: &Recipe,
    dataset: &Dataset,
    fitted: &FittedPipeline,
    run_dir: &Path,
    state: &RunState,
) -> Result<(), TrainError> {
    if state.recipe_digest != recipe.digest() {
        return Err(TrainError::WrongRecipe {
            run_dir: run_dir.to_owned(),
            run: state.recipe_digest.short(),
            recipe: recipe.digest().short(),
        });
    }
    for (name, split) in &dataset.splits {
        match state.split_digests.get(&name.to_string()) {
            Some(then) if *then != split.digest() => {
                return Err(TrainError::DatasetChanged {
                    split: name.to_string(),
                    now: split.digest(),
                    then: *then,
                });
            }
            Some(_) | None => {}
        }
    }
    for (file, now) in digests_of(fitted) {
        match state.pipeline_digests.get(&file) {
            Some(then) if *then != now => {
                return Err(TrainError::PipelineChanged {
                    file,
                    now,
                    then: *then,
                });
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// Warns of what may round otherwise in a run that goes on.
fn warn_of_other_bits(state: &RunState, device: &ComputeDevice) {
    let threads = rayon::current_num_threads();
    let device = device.to_string();
    if state.compute_threads != threads
        || state.device != device
        || state.code_version != env!("CARGO_PKG_VERSION")
    {
        tracing::warn!(
            run.threads = state.compute_threads,
            process.threads = threads,
            run.device = state.device,
            process.device = device,
            run.version = state.code_version,
            "the run goes on with another number of threads, on another device or with another version; \
             it may end with other bits than it would have"
        );
    }
}

/// What the recipe multiplies the learning rate of each parameter by, where it does.
fn rate_factors(recipe: &Recipe, network: &Network) -> Result<BTreeMap<String, f64>, TrainError> {
    let factors = &recipe.train.learning_rate_factors;
    let below = network.parameters_below(factors.keys().map(String::as_str))?;
    let each = below.into_iter();
    Ok(each
        .filter_map(|(name, prefix)| Some((name, *factors.get(prefix)?)))
        .collect())
}

/// The network with the weights that the recipe or the caller wants it to begin with.
fn begin_with(
    network: Network,
    recipe: &Recipe,
    weights: Option<&InitialWeights>,
    observer: &mut dyn TrainObserver,
) -> Result<Network, TrainError> {
    let wanted = recipe.architecture.initial_weights.as_ref();
    let Some(weights) = weights else {
        return match wanted {
            Some(wanted) => Err(TrainError::MissingInitialWeights(wanted.from.clone())),
            None => Ok(network),
        };
    };
    let is_partial = wanted.is_some_and(|wanted| wanted.partial);
    let strictness = if is_partial {
        Strictness::Partial
    } else {
        Strictness::Exact
    };
    let (network, report) = network.load_safetensors(&weights.bytes, strictness)?;
    observer.initialized(&report);
    Ok(network)
}

/// The network with the values of a checkpoint.
pub(super) fn restore(network: Network, checkpoint: &Checkpoint) -> Result<Network, TrainError> {
    for parameter in network.parameters() {
        let saved = checkpoint.weights.get(&parameter.name);
        if saved.is_none_or(|tensor| tensor.shape() != parameter.shape) {
            return Err(TrainError::CheckpointDoesNotFit {
                step: checkpoint.state.step,
                name: parameter.name,
            });
        }
    }
    let restored = network.map_values(&mut |info, _| {
        checkpoint
            .weights
            .get(&info.name)
            .map(|tensor| tensor.data().to_vec())
    })?;
    Ok(restored)
}
