//! Runs that grow trees. They have no gradient loop: an epoch adds a tree for each output, and nothing
//! that a checkpoint would hold takes longer to make than to read. A run that was killed begins again and
//! ends with the same bits, since every tree is a function of the recipe and the data.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mofang_data::{CompiledPipeline, Dataset, FittedPipeline, Split, SplitName, Target};
use mofang_nn::{ComputeDevice, NetworkSpec};
use mofang_trees::{Booster, Ensemble, Iteration, Rows, RunningScores, Settings, Targets};
use mofang_types::{ArtifactDigest, ENSEMBLE_FILE, ModelInput, Tensor};

use super::opening::{check_classes, class_weights, first_state};
use super::session::{id_of, millis};
use super::stopping;
use super::{
    EpochProgress, Resume, RunStatus, TrainOutcome, TrainRequest, TrainStart, gate_of, judge,
    network_spec,
};
use crate::files::FileError;
use crate::gate::GateResult;
use crate::judging::{InferFailure, judge_outputs};
use crate::metrics::compute_all;
use crate::metrics_log::{MetricsLine, MetricsLog, StepRecord, read_losses};
use crate::recipe::FinalWeights;
use crate::report::{Report, RunFacts};
use crate::run_state::{EpochRecord, RunState};
use crate::{Recipe, StopReason, TrainError};

/// Runs a recipe of trees.
pub(super) fn train(request: TrainRequest<'_>) -> Result<TrainOutcome, TrainError> {
    let mut run = Run::open(request)?;
    let Some(reason) = run.grow()? else {
        let status = RunStatus::Interrupted {
            step: run.state.step,
        };
        let weights = run.booster.ensemble().to_bytes();
        return Ok(run.into_outcome(status, weights, None, GateResult::default(), None));
    };
    run.finish(reason)
}

/// A run at work.
struct Run<'a> {
    request: TrainRequest<'a>,
    pipeline: CompiledPipeline,
    fitted: FittedPipeline,
    spec: NetworkSpec,
    state: RunState,
    booster: Booster,
    validation: Option<Validation>,
    log: MetricsLog,
    began: Duration,
}

/// The split that a run is watched by, prepared once.
struct Validation {
    scores: RunningScores,
    truth: Vec<Target>,
}

impl<'a> Run<'a> {
    fn open(request: TrainRequest<'a>) -> Result<Self, TrainError> {
        let (recipe, dataset) = (&request.recipe, &request.dataset);
        check_classes(recipe, dataset)?;
        let train = dataset.split(SplitName::Train)?;
        let fitted = recipe.pipeline.fit(train)?;
        let pipeline = fitted
            .pipeline
            .compile_with(&dataset.labels, &fitted.files)?;
        let spec = network_spec(recipe, &pipeline)?;
        if recipe.train.needs_validation() && !dataset.splits.contains_key(&SplitName::Validation) {
            return Err(TrainError::NoValidation(dataset.name.clone()));
        }
        let booster = booster(recipe, dataset, &pipeline)?;
        let validation = match dataset.splits.get(&SplitName::Validation) {
            Some(split) => Some(Validation {
                scores: RunningScores::new(booster.ensemble(), matrix(split, &pipeline)?)?,
                truth: targets_of(split).collect(),
            }),
            None => None,
        };
        fs::create_dir_all(&request.run_dir)
            .map_err(FileError::wrap("create", &request.run_dir))?;
        // Without checkpoints the lines are what tells that a run was here.
        if request.resume == Resume::Fresh && MetricsLog::has_lines(&request.run_dir) {
            return Err(TrainError::NotEmpty(request.run_dir.clone()));
        }
        let state = first_state(recipe, dataset, &fitted, &ComputeDevice::cpu());
        let log = MetricsLog::open(&request.run_dir, 0)?;
        let epochs = [recipe.train.stop.epochs, recipe.train.stop.steps];
        request.observer.started(&TrainStart {
            run_id: id_of(&request.run_dir),
            parameters: 0,
            train_examples: train.len(),
            steps_per_epoch: 1,
            steps_total: epochs.into_iter().flatten().min(),
            resumed_step: None,
        });
        Ok(Self {
            began: request.clock.monotonic(),
            request,
            pipeline,
            fitted,
            spec,
            state,
            booster,
            validation,
            log,
        })
    }

    /// Adds trees until a rule of the recipe ends it; none when it was asked to stop.
    fn grow(&mut self) -> Result<Option<StopReason>, TrainError> {
        loop {
            if self.request.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let iteration = self.booster.step();
            if let Some(reason) = self.end_epoch(iteration)? {
                self.state.finished = Some(reason.clone());
                return Ok(Some(reason));
            }
        }
    }

    /// Judges the trees so far and notes it down; the reason why the run ends here, when it does.
    fn end_epoch(&mut self, iteration: Iteration) -> Result<Option<StopReason>, TrainError> {
        let epoch = iteration.steps as u64;
        if !iteration.loss.is_finite() {
            return Err(TrainError::TreesDiverged { step: epoch });
        }
        let learning_rate =
            Settings::from_config(&self.request.recipe.architecture.config)?.learning_rate;
        let record = StepRecord {
            step: epoch,
            epoch,
            loss: iteration.loss,
            accuracy: None,
            learning_rate,
            gradient_norm: iteration.gradient_norm,
        };
        let progress = EpochProgress {
            batch: 1,
            batches: 1,
            mean_loss: iteration.loss,
            accuracy: None,
        };
        self.request.observer.step(&record, &progress);
        self.log.append(&MetricsLine::Step(record))?;
        self.state.step = epoch;
        self.state.epoch = epoch;
        let validation = self.validate()?;
        let train = &self.request.recipe.train;
        stopping::observe(
            &mut self.state.early_stopping,
            train,
            epoch,
            epoch,
            &validation,
        );
        self.state.elapsed_ms = millis(self.elapsed());
        let record = EpochRecord {
            epoch,
            step: epoch,
            loss: iteration.loss,
            accuracy: None,
            learning_rate,
            validation,
            elapsed_ms: self.state.elapsed_ms,
        };
        self.request.observer.epoch(&record);
        let limit = stopping::limit(&train.stop, epoch, self.elapsed());
        let reason =
            stopping::end_of_epoch(&train.stop, &record, limit, &self.state.early_stopping);
        self.log.append(&MetricsLine::Epoch(record.clone()))?;
        self.state.history.push(record);
        Ok(reason)
    }

    /// The metrics on the validation split; none without one.
    fn validate(&mut self) -> Result<BTreeMap<String, f64>, TrainError> {
        let Some(validation) = &mut self.validation else {
            return Ok(BTreeMap::new());
        };
        let ensemble = self.booster.ensemble();
        validation.scores.advance(ensemble);
        let outputs = validation.scores.outputs(ensemble);
        let classes = self.request.dataset.labels.len();
        let outcomes = judge_outputs(&outputs, &validation.truth, &self.pipeline, classes)?;
        Ok(compute_all(&outcomes))
    }

    fn finish(self, reason: StopReason) -> Result<TrainOutcome, TrainError> {
        let best = match self.request.recipe.train.final_weights {
            FinalWeights::Last => None,
            FinalWeights::Best => self
                .state
                .early_stopping
                .best
                .as_ref()
                .map(|best| best.step),
        };
        let ensemble = self.booster.ensemble().clone();
        let ensemble = match best.and_then(|step| usize::try_from(step).ok()) {
            Some(steps) => ensemble.truncated(steps),
            None => ensemble,
        };
        let weights = ensemble.to_bytes();
        let (recipe, dataset) = (&self.request.recipe, &self.request.dataset);
        let evaluation = judge(
            recipe,
            dataset,
            &self.pipeline,
            &mut *self.request.observer,
            &mut |batch: &Tensor| infer(&ensemble, batch),
        )?;
        let metrics = evaluation.as_ref().map(|evaluation| &evaluation.metrics);
        let gate = gate_of(recipe, &self.state, metrics);
        let facts = RunFacts {
            run_id: id_of(&self.request.run_dir),
            recipe,
            dataset,
            pipeline: &self.pipeline,
            state: &self.state,
            parameters: ensemble.leaves(),
            weights_digest: ArtifactDigest::of(&weights),
            created_unix_ms: self.request.clock.now_unix_ms(),
            losses: read_losses(&self.request.run_dir)?,
        };
        let report = Report::new(&facts, &reason, evaluation.as_ref(), &gate)?;
        report.write(&self.request.run_dir)?;
        let status = RunStatus::Completed { reason };
        Ok(self.into_outcome(status, weights, evaluation, gate, Some(report)))
    }

    fn elapsed(&self) -> Duration {
        self.request.clock.monotonic().saturating_sub(self.began)
    }

    fn into_outcome(
        self,
        status: RunStatus,
        weights: Vec<u8>,
        evaluation: Option<crate::Evaluation>,
        gate: GateResult,
        report: Option<Report>,
    ) -> TrainOutcome {
        let TrainRequest {
            recipe,
            dataset,
            run_dir,
            clock,
            ..
        } = self.request;
        let run_dir: &Path = &run_dir;
        TrainOutcome {
            run_id: id_of(run_dir),
            status,
            weights,
            weights_file: ENSEMBLE_FILE,
            evaluation,
            gate,
            report,
            network_spec: self.spec,
            pipeline: self.fitted,
            labels: dataset.labels.clone(),
            history: self.state.history,
            steps: self.state.step,
            dataset_digests: dataset
                .splits
                .iter()
                .map(|(name, split)| (format!("{}:{name}", dataset.name), split.digest()))
                .collect(),
            parent: None,
            created_unix_ms: clock.now_unix_ms(),
            recipe,
        }
    }
}

/// Outputs of an ensemble for a prepared batch.
fn infer(ensemble: &Ensemble, batch: &Tensor) -> Result<Tensor, InferFailure> {
    let failed = |error| Box::new(error) as InferFailure;
    let outputs = ensemble
        .predict(batch.data())
        .map_err(|error| Box::new(error) as InferFailure)?;
    let rows = batch.shape().first().copied().unwrap_or(0);
    Tensor::new(vec![rows, ensemble.outputs()], outputs).map_err(failed)
}

/// What is to be learned of the training split.
fn booster(
    recipe: &Recipe,
    dataset: &Arc<Dataset>,
    pipeline: &CompiledPipeline,
) -> Result<Booster, TrainError> {
    let split = dataset.split(SplitName::Train)?;
    let ModelInput::Row {
        numbers,
        categories,
    } = Recipe::input_of(pipeline)?
    else {
        return Err(mofang_trees::TreesError::Rows(format!(
            "they take rows of a table, not {}",
            pipeline.domain()
        ))
        .into());
    };
    let values = matrix(split, pipeline)?;
    let targets: Vec<Target> = targets_of(split)
        .map(|target| pipeline.encode(&target))
        .collect();
    let class_weights = class_weights(recipe, dataset)?;
    let weight = |target: &Target| {
        let class = target.class().and_then(|class| class_weights.get(class));
        class.copied().unwrap_or(1.0)
    };
    let weights = targets.iter().map(weight).collect();
    let targets = if recipe.model.task.is_classification() {
        Targets::Classes {
            labels: targets.iter().filter_map(Target::class).collect(),
            count: dataset.labels.len(),
        }
    } else {
        Targets::Numbers(targets.iter().filter_map(Target::number).collect())
    };
    let rows = Rows {
        values: &values,
        numbers,
        categories: &categories,
    };
    let settings = Settings::from_config(&recipe.architecture.config)?;
    Ok(Booster::new(
        rows,
        targets,
        weights,
        settings,
        recipe.train.seed,
    )?)
}

/// The prepared rows of a split.
fn matrix(split: &Split, pipeline: &CompiledPipeline) -> Result<Vec<f32>, TrainError> {
    let mut values = Vec::new();
    for example in split.examples() {
        values.extend_from_slice(pipeline.prepare(&example.input)?.data());
    }
    Ok(values)
}

fn targets_of(split: &Split) -> impl Iterator<Item = Target> {
    split
        .examples()
        .iter()
        .map(|example| example.target.clone())
}
