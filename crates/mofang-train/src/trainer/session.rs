//! A run at work: the loop, its state and its files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use burn::module::Module as _;
use burn::tensor::Device;
use mofang_data::{Batch, CompiledPipeline, Dataset, FittedPipeline, SplitName};
use mofang_nn::{ComputeDevice, Network, NetworkSpec, Strictness};
use mofang_types::{ArtifactDigest, Clock, Task, Tensor, WEIGHTS_FILE};

use super::feed::{Batches, Feed};
use super::step::{self, StepInput, StepResult};
use super::stopping;
use super::{
    CHECKPOINTS_FOLDER, EpochProgress, InitialWeights, Resume, RunStatus, TrainObserver,
    TrainOutcome, TrainRequest, TrainStart, infer, network_spec,
};
use crate::checkpoint::{Checkpoint, CheckpointFolder, CheckpointWriter};
use crate::early_stopping::EarlyStopping;
use crate::evaluation::Evaluation;
use crate::files::FileError;
use crate::gate::GateResult;
use crate::judging::{EvaluateError, Questions};
use crate::loss::Loss;
use crate::lr_schedule::Span;
use crate::metrics::{OutcomesError, compute_all};
use crate::metrics_log::{MetricsLine, MetricsLog, StepRecord, read_losses};
use crate::optimizer::{Optimizer, OptimizerState};
use crate::report::{Report, RunFacts};
use crate::run_state::{EpochRecord, EpochSums, RunState, STATE_FORMAT_VERSION};
use crate::{Recipe, StopReason, TrainError};

/// How the loop ended.
pub(super) enum End {
    Finished(StopReason),
    Interrupted,
}

/// A run at work.
pub(super) struct Session<'a> {
    pub(super) recipe: Recipe,
    pub(super) dataset: Arc<Dataset>,
    pub(super) pipeline: Arc<CompiledPipeline>,
    /// The recipe's pipeline, with what the training split has told.
    fitted: FittedPipeline,
    pub(super) spec: NetworkSpec,
    pub(super) run_dir: PathBuf,
    pub(super) network: Network,
    pub(super) device: Device,
    loss: Loss,
    pub(super) state: RunState,
    pub(super) observer: &'a mut dyn TrainObserver,
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
    optimizer: Box<dyn Optimizer>,
    loader: Feed,
    /// Asked for once: to tell it, a loader of windows lays them all out.
    batches_per_epoch: usize,
    validation: Option<Questions>,
    writer: CheckpointWriter,
    log: MetricsLog,
    span: Span,
    /// What the learning rate of some parameters is multiplied by.
    rate_factors: BTreeMap<String, f64>,
    /// The clock when this part of the run began, less the time of earlier parts.
    began: Duration,
    learning_rate: f64,
}

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

    /// The loop.
    pub(super) fn run(&mut self) -> Result<End, TrainError> {
        if let Some(reason) = &self.state.finished {
            return Ok(End::Finished(reason.clone()));
        }
        let mut batches = self.batches(self.state.epoch, self.state.batch);
        loop {
            if self.stop.load(Ordering::Relaxed) {
                self.checkpoint()?;
                return Ok(End::Interrupted);
            }
            if let Some(batch) = batches.next() {
                self.step(batch?)?;
            }
            let limit = stopping::limit(&self.recipe.train.stop, self.state.step, self.elapsed());
            if limit.is_none() && self.state.batch < self.batches_per_epoch {
                if self
                    .state
                    .step
                    .is_multiple_of(self.recipe.train.checkpoint_every_steps)
                {
                    self.checkpoint()?;
                }
                continue;
            }
            // The next epoch's first batches are made while this one is judged.
            batches = self.batches(self.state.epoch + 1, 0);
            if let Some(reason) = self.end_epoch(limit)? {
                return Ok(End::Finished(reason));
            }
        }
    }

    /// Waits until every checkpoint is written.
    pub(super) fn close(&mut self) -> Result<(), TrainError> {
        Ok(self.writer.finish()?)
    }

    fn batches(&self, epoch: u64, start: usize) -> Batches {
        self.loader.epoch(epoch, start)
    }

    fn step(&mut self, batch: Batch) -> Result<(), TrainError> {
        let examples = batch.targets.len() as u64;
        let train = &self.recipe.train;
        self.learning_rate =
            train.optimizer.learning_rate() * train.schedule.factor(self.state.step, self.span);
        let input = StepInput {
            seed: train.seed,
            step: self.state.step,
            learning_rate: self.learning_rate,
            clip_norm: train.clip_norm,
            loss: self.loss.clone(),
        };
        let result = step::take(
            self.network.clone(),
            self.optimizer.as_mut(),
            batch,
            input,
            &self.rate_factors,
        )?;
        let (loss, gradient_norm) = match result {
            StepResult::Done {
                network,
                loss,
                gradient_norm,
            } => {
                std::mem::replace(&mut self.network, network).recycle();
                (loss, gradient_norm)
            }
            StepResult::NotFinite(what) => return Err(self.diverged(self.state.step + 1, what)),
        };
        self.state.step += 1;
        self.state.batch += 1;
        self.state.sums.loss += loss.loss * examples as f64;
        self.state.sums.add_correct(loss.correct);
        self.state.sums.examples += examples;
        let record = StepRecord {
            step: self.state.step,
            epoch: self.state.epoch + 1,
            loss: loss.loss,
            accuracy: loss
                .correct
                .map(|correct| correct as f64 / examples.max(1) as f64),
            learning_rate: self.learning_rate,
            gradient_norm,
        };
        let progress = EpochProgress {
            batch: self.state.batch,
            batches: self.batches_per_epoch,
            mean_loss: self.state.sums.mean_loss(),
            accuracy: self.state.sums.accuracy(),
        };
        self.observer.step(&record, &progress);
        self.log.append(&MetricsLine::Step(record))?;
        Ok(self.writer.check()?)
    }

    /// Judges an epoch that is over, or cut off by `limit`, and writes a checkpoint.
    fn end_epoch(&mut self, limit: Option<StopReason>) -> Result<Option<StopReason>, TrainError> {
        let validation = self.validate()?;
        let epoch = self.state.epoch + 1;
        stopping::observe(
            &mut self.state.early_stopping,
            &self.recipe.train,
            epoch,
            self.state.step,
            &validation,
        );
        let record = EpochRecord {
            epoch,
            step: self.state.step,
            loss: self.state.sums.mean_loss(),
            accuracy: self.state.sums.accuracy(),
            learning_rate: self.learning_rate,
            validation,
            elapsed_ms: millis(self.elapsed()),
        };
        self.observer.epoch(&record);
        let rules = &self.recipe.train.stop;
        let reason = stopping::end_of_epoch(rules, &record, limit, &self.state.early_stopping);
        self.log.append(&MetricsLine::Epoch(record.clone()))?;
        self.state.history.push(record);
        self.state.sums = EpochSums::default();
        self.state.epoch = epoch;
        self.state.batch = 0;
        self.state.finished.clone_from(&reason);
        self.checkpoint()?;
        Ok(reason)
    }

    /// The metrics on the validation split; none without one.
    fn validate(&mut self) -> Result<BTreeMap<String, f64>, TrainError> {
        let Some(questions) = &self.validation else {
            return Ok(BTreeMap::new());
        };
        if let Ok(split) = self.dataset.split(SplitName::Validation) {
            self.observer.evaluating(SplitName::Validation, split.len());
        }
        let network = self.network.valid();
        let recipe = &self.recipe;
        let answer = &mut |batch: &Tensor| infer(&network, recipe, batch);
        match questions.outcomes(&self.pipeline, answer, self.dataset.labels.len()) {
            Ok(outcomes) => Ok(compute_all(&outcomes)),
            Err(EvaluateError::Outcomes(OutcomesError::NotFinite { .. })) => {
                Err(self.diverged(self.state.step, "the output on the validation split"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Hands a snapshot to the writing thread.
    fn checkpoint(&mut self) -> Result<(), TrainError> {
        let weights = self.network.values()?;
        let is_finite = |tensor: &Tensor| tensor.data().iter().all(|value| value.is_finite());
        if !weights.values().all(is_finite) {
            return Err(self.diverged(self.state.step, "a weight"));
        }
        self.state.elapsed_ms = millis(self.elapsed());
        self.state.metrics_bytes = self.log.bytes();
        let checkpoint = Checkpoint {
            state: self.state.clone(),
            weights,
            optimizer: self.optimizer.state(),
        };
        self.writer.submit(checkpoint, self.log.handle()?)?;
        self.observer.checkpoint(self.state.step);
        Ok(())
    }

    fn diverged(&mut self, step: u64, what: &'static str) -> TrainError {
        match self.writer.finish() {
            Ok(()) => TrainError::Diverged {
                step,
                what,
                last_checkpoint: self.writer.last_step(),
            },
            Err(error) => error.into(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.began)
    }

    /// What the report says besides the judgement.
    pub(super) fn facts(&self, weights: &[u8]) -> Result<RunFacts<'_>, TrainError> {
        Ok(RunFacts {
            run_id: id_of(&self.run_dir),
            recipe: &self.recipe,
            dataset: &self.dataset,
            pipeline: &self.pipeline,
            state: &self.state,
            parameters: self.network.parameter_count(),
            weights_digest: ArtifactDigest::of(weights),
            created_unix_ms: self.clock.now_unix_ms(),
            losses: read_losses(&self.run_dir)?,
        })
    }

    /// The outcome of a run that can go on.
    pub(super) fn into_interrupted(self) -> Result<TrainOutcome, TrainError> {
        let weights = self.network.valid().to_safetensors()?;
        let status = RunStatus::Interrupted {
            step: self.state.step,
        };
        Ok(self.into_outcome(status, weights, None, GateResult::default(), None))
    }

    pub(super) fn into_outcome(
        self,
        status: RunStatus,
        weights: Vec<u8>,
        evaluation: Option<Evaluation>,
        gate: GateResult,
        report: Option<Report>,
    ) -> TrainOutcome {
        TrainOutcome {
            run_id: id_of(&self.run_dir),
            status,
            weights,
            weights_file: WEIGHTS_FILE,
            evaluation,
            gate,
            report,
            network_spec: self.spec,
            pipeline: self.fitted,
            labels: self.dataset.labels.clone(),
            history: self.state.history,
            steps: self.state.step,
            dataset_digests: self
                .dataset
                .splits
                .iter()
                .map(|(name, split)| (format!("{}:{name}", self.dataset.name), split.digest()))
                .collect(),
            parent: self.state.parent,
            created_unix_ms: self.clock.now_unix_ms(),
            recipe: self.recipe,
        }
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
    let architecture = || recipe.architecture.name.clone();
    if task == Task::TextGeneration {
        // Another network gives outputs for a text, not for each of its tokens.
        network.continuation()?;
    }
    let has_steps = network.steps() > 1;
    match (task == Task::SpeechRecognition, has_steps) {
        (true, false) => Err(TrainError::NoSteps(architecture())),
        (false, true) => Err(TrainError::ManySteps {
            architecture: architecture(),
            task,
        }),
        (true, true) | (false, false) => Ok(()),
    }
}

/// Refuses to go on with a run of another recipe or other data.
fn check_same_run(
    recipe: &Recipe,
    dataset: &Dataset,
    fitted: &FittedPipeline,
    run_dir: &std::path::Path,
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

pub(super) fn id_of(run_dir: &std::path::Path) -> String {
    run_dir
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
