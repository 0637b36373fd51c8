//! A run at work: the loop, its state and its files. `opening.rs` prepares it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use burn::module::Module as _;
use burn::tensor::Device;
use mofang_data::{Batch, CompiledPipeline, Dataset, FittedPipeline, SplitName};
use mofang_nn::{Network, NetworkSpec};
use mofang_types::{ArtifactDigest, Clock, Tensor, WEIGHTS_FILE};

use super::feed::{Batches, Feed};
use super::step::{self, StepInput, StepResult};
use super::stopping;
use super::{EpochProgress, RunStatus, TrainObserver, TrainOutcome, infer};
use crate::checkpoint::{Checkpoint, CheckpointWriter};
use crate::evaluation::Evaluation;
use crate::gate::GateResult;
use crate::judging::{EvaluateError, Questions};
use crate::loss::Loss;
use crate::lr_schedule::Span;
use crate::metrics::{OutcomesError, compute_all};
use crate::metrics_log::{MetricsLine, MetricsLog, StepRecord, read_losses};
use crate::optimizer::Optimizer;
use crate::report::{Report, RunFacts};
use crate::run_state::{EpochRecord, EpochSums, RunState};
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
    pub(super) fitted: FittedPipeline,
    pub(super) spec: NetworkSpec,
    pub(super) run_dir: PathBuf,
    pub(super) network: Network,
    pub(super) device: Device,
    pub(super) loss: Loss,
    pub(super) state: RunState,
    pub(super) observer: &'a mut dyn TrainObserver,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) optimizer: Box<dyn Optimizer>,
    pub(super) loader: Feed,
    /// Asked for once: to tell it, a loader of windows lays them all out.
    pub(super) batches_per_epoch: usize,
    pub(super) validation: Option<Questions>,
    pub(super) writer: CheckpointWriter,
    pub(super) log: MetricsLog,
    pub(super) span: Span,
    /// What the learning rate of some parameters is multiplied by.
    pub(super) rate_factors: BTreeMap<String, f64>,
    /// The clock when this part of the run began, less the time of earlier parts.
    pub(super) began: Duration,
    pub(super) learning_rate: f64,
}

impl Session<'_> {
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
