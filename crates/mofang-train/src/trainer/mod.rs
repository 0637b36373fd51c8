//! Runs a recipe: trains, keeps checkpoints, judges the result and reports on it.

mod feed;
mod observer;
mod opening;
mod outcome;
mod request;
mod session;
mod step;
mod stopping;
mod trees;

use std::collections::BTreeMap;

use burn::module::Module as _;
use mofang_data::{CompiledPipeline, Dataset, SplitName};
use mofang_nn::{Network, NetworkSpec, Strictness, cpu_device};
use mofang_types::{ModelInput, Tensor};

pub use observer::{EpochProgress, NoObserver, TrainObserver, TrainStart};
pub use outcome::{RunStatus, TrainOutcome};
pub use request::{InitialWeights, Resume, TrainRequest};

use crate::baseline::{baselines, token_baselines, transcript_baselines};
use crate::checkpoint::CheckpointFolder;
use crate::evaluation::{Evaluation, evaluate};
use crate::gate::GateResult;
use crate::judging::InferFailure;
use crate::metrics::{Judged, find_value};
use crate::recipe::FinalWeights;
use crate::report::Report;
use crate::run_state::RunState;
use crate::{Recipe, StopReason, TrainError};
use session::{End, Session};

/// The folder of checkpoints within a run's folder.
const CHECKPOINTS_FOLDER: &str = "checkpoints";

/// Runs a recipe to its end, or to the next checkpoint once `stop` is set; trees, which have none, to the
/// next step.
///
/// # Errors
/// When the recipe does not fit the dataset, the run diverges (the error names the step and the
/// last good checkpoint), or a file cannot be written. Checkpoints stay, and the run can go on from
/// the newest.
pub fn train(request: TrainRequest<'_>) -> Result<TrainOutcome, TrainError> {
    if request.recipe.grows_trees() {
        return trees::train(request);
    }
    let mut session = Session::open(request)?;
    let end = session.run()?;
    session.close()?;
    match end {
        End::Interrupted => session.into_interrupted(),
        End::Finished(reason) => finish(session, reason),
    }
}

/// Judges the final weights and reports.
fn finish(session: Session<'_>, reason: StopReason) -> Result<TrainOutcome, TrainError> {
    let weights = final_weights(&session)?;
    let mut network = Network::new(&session.spec, session.recipe.train.seed, &session.device)?;
    (network, _) = network.load_safetensors(&weights, Strictness::Exact)?;
    let evaluation = judge(
        &session.recipe,
        &session.dataset,
        &session.pipeline,
        &mut *session.observer,
        &mut |batch: &Tensor| infer(&network, &session.recipe, batch),
    )?;
    let metrics = evaluation.as_ref().map(|evaluation| &evaluation.metrics);
    let gate = gate_of(&session.recipe, &session.state, metrics);
    let report = Report::new(
        &session.facts(&weights)?,
        &reason,
        evaluation.as_ref(),
        &gate,
    )?;
    report.write(&session.run_dir)?;
    Ok(session.into_outcome(
        RunStatus::Completed { reason },
        weights,
        evaluation,
        gate,
        Some(report),
    ))
}

/// Judges a model on the test split, beside what answers without a model reach; none without one.
fn judge(
    recipe: &Recipe,
    dataset: &Dataset,
    pipeline: &CompiledPipeline,
    observer: &mut dyn TrainObserver,
    infer: &mut dyn FnMut(&Tensor) -> Result<Tensor, InferFailure>,
) -> Result<Option<Evaluation>, TrainError> {
    let Some(split) = dataset.splits.get(&SplitName::Test) else {
        return Ok(None);
    };
    observer.evaluating(SplitName::Test, split.len());
    let labels = &dataset.labels;
    let mut evaluation = evaluate(split, pipeline, infer, labels, &recipe.evaluate_settings())?;
    if let Ok(train) = dataset.split(SplitName::Train) {
        evaluation.baselines = match Judged::of(recipe.model.task) {
            Judged::Classes | Judged::Numbers => baselines(train, split, labels.len()),
            Judged::Tokens => token_baselines(train, split, pipeline),
            Judged::Transcripts => transcript_baselines(train, split, pipeline),
        };
    }
    Ok(Some(evaluation))
}

/// The weights that the run gives, as safetensors.
fn final_weights(session: &Session<'_>) -> Result<Vec<u8>, TrainError> {
    let best = match session.recipe.train.final_weights {
        FinalWeights::Last => None,
        FinalWeights::Best => session.state.early_stopping.best.as_ref(),
    };
    match best {
        Some(best) if best.step != session.state.step => {
            let kept = session.recipe.train.checkpoints_kept;
            let folder = CheckpointFolder::open(session.run_dir.join(CHECKPOINTS_FOLDER), kept)?;
            let checkpoint = folder.load(best.step)?;
            let network = Network::new(&session.spec, session.recipe.train.seed, &cpu_device())?;
            let network = opening::restore(network, &checkpoint)?;
            Ok(network.to_safetensors()?)
        }
        Some(_) | None => Ok(session.network.valid().to_safetensors()?),
    }
}

fn gate_of(recipe: &Recipe, state: &RunState, test: Option<&BTreeMap<String, f64>>) -> GateResult {
    let Recipe {
        train, evaluate, ..
    } = recipe;
    let target = train.stop.target.as_ref().map(|target| {
        let better = |a: f64, b: f64| match find_value(&target.metric) {
            Ok(metric) if metric.is_better(b, a, 0.0) => b,
            _ => a,
        };
        let values = state.history.iter();
        let values = values.filter_map(|epoch| epoch.validation.get(&target.metric).copied());
        (target, values.reduce(better))
    });
    let nothing = BTreeMap::new();
    GateResult::new(&evaluate.gate, test.unwrap_or(&nothing), target)
}

/// Outputs of a network for a prepared batch; those of a language model for each token.
fn infer(network: &Network, recipe: &Recipe, batch: &Tensor) -> Result<Tensor, InferFailure> {
    let outputs = if Judged::of(recipe.model.task) == Judged::Tokens {
        network.infer_steps(batch)
    } else {
        network.infer(batch)
    };
    outputs.map_err(|error| Box::new(error) as InferFailure)
}

/// What a network is built from.
fn network_spec(recipe: &Recipe, pipeline: &CompiledPipeline) -> Result<NetworkSpec, TrainError> {
    let input = Recipe::input_of(pipeline)?;
    let labels = pipeline.labels().len();
    let outputs = match Judged::of(recipe.model.task) {
        Judged::Classes | Judged::Numbers => labels,
        Judged::Tokens => match &input {
            ModelInput::Tokens {
                vocabulary_size, ..
            } => *vocabulary_size,
            // Whoever builds a language model of these says what is wrong.
            ModelInput::Image { .. } | ModelInput::Row { .. } => labels,
        },
        // The blank is behind the labels.
        Judged::Transcripts => labels + 1,
    };
    Ok(NetworkSpec {
        architecture: recipe.architecture.spec(),
        input,
        outputs,
    })
}
