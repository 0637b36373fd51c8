//! What a report says of a run.

use std::collections::BTreeMap;

use mofang_data::{CompiledPipeline, Dataset, SplitName};
use mofang_types::{ArtifactDigest, UnixMillis};
use serde::Serialize;

use super::REPORT_FORMAT_VERSION;
use crate::evaluation::Evaluation;
use crate::gate::GateResult;
use crate::mistakes::Mistake;
use crate::run_state::{EpochRecord, RunState};
use crate::{Recipe, StopReason, TrainError};

/// A run that is over.
pub(crate) struct RunFacts<'a> {
    pub(crate) run_id: String,
    pub(crate) recipe: &'a Recipe,
    pub(crate) dataset: &'a Dataset,
    pub(crate) pipeline: &'a CompiledPipeline,
    pub(crate) state: &'a RunState,
    pub(crate) parameters: usize,
    pub(crate) weights_digest: ArtifactDigest,
    pub(crate) created_unix_ms: UnixMillis,
    /// Step and loss of every step.
    pub(crate) losses: Vec<(u64, f64)>,
}

impl RunFacts<'_> {
    /// The images of these examples of the test split, as the pipeline leaves them, as PNG.
    /// None where the examples are no images.
    pub(crate) fn images_of(
        &self,
        mistakes: &[Mistake],
    ) -> Result<Option<Vec<Vec<u8>>>, TrainError> {
        let split = self.dataset.split(SplitName::Test)?;
        mistakes
            .iter()
            .filter_map(|mistake| split.examples().get(mistake.index))
            .map(|example| {
                let picture = self.pipeline.picture(&example.input)?;
                Ok(picture.map(|pixels| pixels.to_png()).transpose()?)
            })
            .collect()
    }
}

#[derive(Serialize)]
struct Json<'a> {
    format_version: u32,
    run_id: &'a str,
    model: &'a str,
    code_version: &'a str,
    created_unix_ms: UnixMillis,
    recipe_digest: ArtifactDigest,
    recipe: &'a Recipe,
    dataset: &'a str,
    splits: BTreeMap<SplitName, SplitFacts>,
    removed_by_cleaning: BTreeMap<String, usize>,
    parameters: usize,
    seed: u64,
    compute_threads: usize,
    device: &'a str,
    elapsed_ms: u64,
    steps: u64,
    ended_by: &'a StopReason,
    best: Option<BestFacts>,
    weights_digest: ArtifactDigest,
    epochs: &'a [EpochRecord],
    test: Option<&'a Evaluation>,
    is_gate_passed: bool,
    gate: &'a GateResult,
}

#[derive(Serialize)]
struct BestFacts {
    epoch: u64,
    step: u64,
    value: f64,
}

#[derive(Serialize)]
struct SplitFacts {
    examples: usize,
    digest: ArtifactDigest,
}

/// The report for programs.
pub(super) fn json(
    facts: &RunFacts<'_>,
    reason: &StopReason,
    evaluation: Option<&Evaluation>,
    gate: &GateResult,
) -> Vec<u8> {
    let splits = facts.dataset.splits.iter();
    let removed = facts.dataset.cleaning.counts();
    let best = facts.state.early_stopping.best.as_ref();
    let json = Json {
        format_version: REPORT_FORMAT_VERSION,
        run_id: &facts.run_id,
        model: &facts.recipe.model.name,
        code_version: env!("CARGO_PKG_VERSION"),
        created_unix_ms: facts.created_unix_ms,
        recipe_digest: facts.recipe.digest(),
        recipe: facts.recipe,
        dataset: &facts.dataset.name,
        splits: splits
            .map(|(name, split)| {
                (
                    *name,
                    SplitFacts {
                        examples: split.len(),
                        digest: split.digest(),
                    },
                )
            })
            .collect(),
        removed_by_cleaning: removed
            .iter()
            .map(|(reason, count)| (reason_name(*reason), *count))
            .collect(),
        parameters: facts.parameters,
        seed: facts.state.seed,
        compute_threads: facts.state.compute_threads,
        device: &facts.state.device,
        elapsed_ms: facts.state.elapsed_ms,
        steps: facts.state.step,
        ended_by: reason,
        best: best.map(|best| BestFacts {
            epoch: best.epoch,
            step: best.step,
            value: best.value,
        }),
        weights_digest: facts.weights_digest,
        epochs: &facts.state.history,
        test: evaluation,
        is_gate_passed: gate.is_passed(),
        gate,
    };
    // Plain values with text keys, which JSON always has a form for.
    serde_json::to_vec_pretty(&json).unwrap_or_default()
}

/// The reason as it is written in JSON.
pub(super) fn reason_name(reason: mofang_data::RemovalReason) -> String {
    let name = serde_json::to_value(reason).ok();
    name.and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}
