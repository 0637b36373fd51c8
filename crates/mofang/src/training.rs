//! From a recipe to a version: loads the dataset, trains in a folder of `runs/`, evaluates, publishes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use mofang_artifacts::PackageDraft;
use mofang_data::text::TOKENIZER_FILE;
use mofang_data::{Dataset, PipelineFiles};
use mofang_registry::{Actor, PublishRequest};
use mofang_train::{InitialWeights, Recipe, Resume, RunStatus, TrainOutcome, TrainRequest};
use mofang_types::{AliasName, ArtifactDigest, ModelName, ModelReference, Package, WEIGHTS_FILE};

use crate::context::Context;
use crate::data_dir::{Layout, read_text, write_private};
use crate::exit::{CodedResult as _, Failure, describe};
use crate::local::Local;
use crate::progress::Training;
use crate::run_record::{FORMAT_VERSION, RunRecord, RunState};
use crate::signals;

/// The recipe within a run's folder.
const RECIPE_FILE: &str = "recipe.toml";

/// What tells a file of weights from the name of a version.
const WEIGHTS_EXTENSION: &str = "safetensors";

/// What tells a tokenizer's file from the name of a version.
const TOKENIZER_EXTENSION: &str = "json";

/// Most bytes of a file of weights, or of a tokenizer.
const FILE_BYTES_MAX: u64 = 8 << 30;

/// When a run becomes a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Publish {
    /// Never.
    Never,
    /// When it meets its gate and its target.
    WhenPassed,
    /// However good it is.
    Always,
}

/// What to train and what to do with it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) recipe: Recipe,
    /// The model to publish, when not the recipe's own.
    pub(crate) model: Option<ModelName>,
    /// The run to go on with.
    pub(crate) resumed: Option<RunRecord>,
    pub(crate) publish: Publish,
    /// The aliases that name the version.
    pub(crate) aliases: Vec<AliasName>,
    /// What to remember about the version.
    pub(crate) note: String,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) record: RunRecord,
    pub(crate) folder: PathBuf,
    /// Why the run was not published although that was wanted.
    pub(crate) refusal: Option<String>,
}

/// Reads a recipe from a file, with changes such as `train.seed=7` written into it.
pub(crate) fn read_recipe(path: &Path, changes: &[String]) -> anyhow::Result<Recipe> {
    let text = read_text(path).map_err(|error| Failure::bad_input(describe(&error)))?;
    let text = changes
        .iter()
        .try_fold(text, |text, change| changed(&text, change))?;
    parse_recipe(&path.display().to_string(), &text)
}

/// Reads a recipe; `source` names it in errors.
pub(crate) fn parse_recipe(source: &str, text: &str) -> anyhow::Result<Recipe> {
    Recipe::parse(text)
        .coded()
        .with_context(|| format!("failed to read the recipe {source}"))
}

/// The recipe that a run was started with.
pub(crate) fn recipe_of(layout: &Layout, record: &RunRecord) -> anyhow::Result<Recipe> {
    read_recipe(&layout.runs().join(&record.id).join(RECIPE_FILE), &[])
}

/// The dataset of a recipe, split as the recipe says.
pub(crate) fn load_dataset(local: &Local, recipe: &Recipe) -> anyhow::Result<Dataset> {
    local
        .platform()
        .datasets
        .load(&recipe.data.dataset, &recipe.data.split)
        .coded()
        .with_context(|| format!("failed to load the dataset {}", recipe.data.dataset))
}

/// Trains by the plan and publishes. A signal ends the run at a checkpoint, from which it can go on; trees,
/// which have none, begin again.
pub(crate) fn execute(context: &Context, local: &Local, plan: Plan) -> anyhow::Result<Finished> {
    let layout = local.layout();
    let model = match &plan.model {
        Some(model) => model.clone(),
        None => plan.recipe.model.name.parse().coded()?,
    };
    let resume = match plan.resumed {
        Some(_) => Resume::Latest,
        None => Resume::Fresh,
    };
    // Everything that may be wrong with what was asked for is found before there is a run.
    let dataset = Arc::new(load_dataset(local, &plan.recipe)?);
    let initial_weights = match resume {
        Resume::Fresh => initial_weights(local, &plan.recipe)?,
        // They are in the checkpoint, unless the run was killed before its first; then the trainer misses them.
        Resume::Latest => initial_weights(local, &plan.recipe).ok().flatten(),
    };
    let pipeline_files = pipeline_files(local, &plan.recipe)?;
    let mut record = begin(local, &model, &plan)?;
    let folder = layout.runs().join(&record.id);
    context.output.note(&format!(
        "run {} trains {model} on {}",
        record.id, dataset.name
    ));
    if resume == Resume::Latest && plan.recipe.grows_trees() {
        let remark = "trees have no checkpoints; they are grown from the first again";
        context.output.note(remark);
    }
    let mut observer = Training::new(&context.output);
    let outcome = mofang_train::train(TrainRequest {
        recipe: plan.recipe,
        dataset,
        run_dir: folder.clone(),
        resume,
        initial_weights,
        pipeline_files,
        device: local.platform().runtime.device,
        clock: Arc::clone(&local.platform().clock),
        stop: signals::stop_flag()?,
        observer: &mut observer,
    })
    .coded();
    observer.finish();

    record.ended_unix_ms = Some(local.platform().clock.now_unix_ms());
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            record.status = RunState::Failed;
            record.reason = Some(describe(&error));
            record.write(layout)?;
            return Err(error.context(format!("failed to train (run {})", record.id)));
        }
    };
    record.weights_digest = Some(ArtifactDigest::of(&outcome.weights));
    match &outcome.status {
        RunStatus::Interrupted { step } => {
            record.status = RunState::Interrupted;
            let (left, way) = if outcome.recipe.grows_trees() {
                (
                    "trees have no checkpoints",
                    "grows them from the first again",
                )
            } else {
                ("a checkpoint is written", "goes on from it")
            };
            record.reason = Some(format!("stopped at step {step}; {left}"));
            record.write(layout)?;
            return Err(anyhow::anyhow!(
                "stopped at step {step}; {left}, and `mofang train --resume={}` {way}",
                record.id
            ));
        }
        RunStatus::Completed { reason } => {
            record.status = RunState::Completed;
            record.reason = Some(reason.to_string());
        }
    }
    if let Some(evaluation) = &outcome.evaluation {
        record.metrics = evaluation.metrics.clone();
    }
    record.write(layout)?;

    let refusal = outcome.gate.refusal();
    let is_published = match plan.publish {
        Publish::Never => false,
        Publish::WhenPassed => refusal.is_none(),
        Publish::Always => true,
    };
    if is_published {
        record.version = Some(publish(local, model, outcome, plan.aliases, plan.note)?);
        record.write(layout)?;
    }
    Ok(Finished {
        record,
        folder,
        refusal: refusal.filter(|_| plan.publish == Publish::WhenPassed),
    })
}

/// Makes the run's folder with its record and recipe, or takes those that are there.
fn begin(local: &Local, model: &ModelName, plan: &Plan) -> anyhow::Result<RunRecord> {
    let platform = local.platform();
    let now = platform.clock.now_unix_ms();
    let recipe_digest = plan.recipe.digest();
    let mut record = plan.resumed.clone().unwrap_or_else(|| RunRecord {
        format_version: FORMAT_VERSION,
        id: platform.ids.next(now),
        model: model.to_string(),
        dataset: plan.recipe.data.dataset.clone(),
        recipe_digest,
        status: RunState::Running,
        reason: None,
        started_unix_ms: now,
        ended_unix_ms: None,
        metrics: BTreeMap::new(),
        weights_digest: None,
        version: None,
    });
    let failed = |reason: &str| {
        Failure::bad_input(format!("failed to resume the run {}: {reason}", record.id))
    };
    if record.recipe_digest != recipe_digest {
        return Err(failed("it was started with another recipe").into());
    }
    if let Some(version) = &record.version {
        return Err(failed(&format!("it is published as {version} already")).into());
    }
    let layout = local.layout();
    let folder = layout.runs().join(&record.id);
    fs::create_dir_all(&folder)
        .with_context(|| format!("failed to create {}", folder.display()))?;
    write_private(&folder.join(RECIPE_FILE), plan.recipe.text().as_bytes())?;
    record.status = RunState::Running;
    record.reason = None;
    record.write(layout)?;
    Ok(record)
}

/// Makes the outcome a version; gives its name.
fn publish(
    local: &Local,
    model: ModelName,
    outcome: TrainOutcome,
    aliases: Vec<AliasName>,
    note: String,
) -> anyhow::Result<String> {
    let run_id = outcome.run_id.clone();
    let (manifest, files) = outcome.into_package();
    let mut request = PublishRequest::new(model, PackageDraft { manifest, files }, Actor::local());
    request.aliases = aliases;
    request.note = note;
    let version = local
        .wait(local.platform().registry.publish(request))
        .coded()
        .with_context(|| {
            format!("failed to publish; the run is kept, and `mofang train --resume={run_id}` tries again")
        })?;
    Ok(format!("{}@{}", version.model, version.number))
}

/// The weights that the recipe wants to begin with: those of a version, or of a safetensors file.
fn initial_weights(local: &Local, recipe: &Recipe) -> anyhow::Result<Option<InitialWeights>> {
    let Some(wanted) = &recipe.architecture.initial_weights else {
        return Ok(None);
    };
    let failed = || format!("failed to read the initial weights \"{}\"", wanted.from);
    let path = Path::new(&wanted.from);
    if path
        .extension()
        .is_some_and(|extension| extension == WEIGHTS_EXTENSION)
    {
        return read_file(path).with_context(failed).map(|bytes| {
            Some(InitialWeights {
                parent: None,
                bytes,
            })
        });
    }
    let (version, mut package) = package_of(local, &wanted.from).with_context(failed)?;
    let bytes = package
        .files
        .remove(WEIGHTS_FILE)
        .with_context(|| format!("its package has no {WEIGHTS_FILE}"))
        .with_context(failed)?;
    Ok(Some(InitialWeights {
        parent: Some(version),
        bytes,
    }))
}

/// The package of a version, with the version's name.
fn package_of(local: &Local, name: &str) -> anyhow::Result<(String, Package)> {
    let reference: ModelReference = name.parse().coded()?;
    let registry = &local.platform().registry;
    let route = registry.resolve(&reference).coded()?;
    let package = local.wait(registry.load_package(&route)).coded()?;
    Ok((format!("{}@{}", route.model, route.number), package))
}

/// The files that steps of the pipeline take from elsewhere: a tokenizer by its path, or that of a
/// version's package.
fn pipeline_files(local: &Local, recipe: &Recipe) -> anyhow::Result<PipelineFiles> {
    let mut files = PipelineFiles::new();
    for transform in &recipe.pipeline.transforms {
        let Some(from) = transform.takes_tokenizer_from() else {
            continue;
        };
        let failed = || format!("failed to read the tokenizer \"{from}\"");
        let path = Path::new(from);
        let is_path = path
            .extension()
            .is_some_and(|extension| extension == TOKENIZER_EXTENSION);
        let bytes = if is_path {
            read_file(path).with_context(failed)?
        } else {
            let (_, mut package) = package_of(local, from).with_context(failed)?;
            package
                .files
                .remove(TOKENIZER_FILE)
                .with_context(|| format!("its package has no {TOKENIZER_FILE}"))
                .with_context(failed)?
        };
        files.insert(TOKENIZER_FILE.to_owned(), bytes);
    }
    Ok(files)
}

fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let read = || {
        let size_bytes = fs::metadata(path)?.len();
        if size_bytes > FILE_BYTES_MAX {
            return Err(std::io::Error::other(format!(
                "it has {size_bytes} bytes, more than {FILE_BYTES_MAX}"
            )));
        }
        fs::read(path)
    };
    read().map_err(|error| Failure::bad_input(error.to_string()).into())
}

/// The recipe with one value changed: `KEY=VALUE`, the value as TOML or else as text.
fn changed(text: &str, change: &str) -> anyhow::Result<String> {
    let failed = |reason: &str| Failure::bad_input(format!("failed to set \"{change}\": {reason}"));
    let (path, value) = change
        .split_once('=')
        .ok_or_else(|| failed("write it as KEY=VALUE"))?;
    let mut table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| failed(&error.to_string()))?;
    let value = format!("value = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let (parents, name) = path
        .rsplit_once('.')
        .map_or((None, path), |(parents, name)| (Some(parents), name));
    let mut place = &mut table;
    for part in parents.into_iter().flat_map(|parents| parents.split('.')) {
        place = place
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| failed(&format!("\"{part}\" is no table")))?;
    }
    place.insert(name.to_owned(), value);
    toml::to_string(&table).context("failed to write the changed recipe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_recipe_is_changed_in_its_place() {
        let text = "[train]\nseed = 1\nname = \"a\"\n";
        let text = changed(text, "train.seed=7").unwrap();
        let text = changed(&text, "train.name=b").unwrap();
        let text = changed(&text, "evaluate.gate.accuracy=0.9").unwrap();
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["train"]["seed"].as_integer(), Some(7));
        assert_eq!(table["train"]["name"].as_str(), Some("b"));
        assert_eq!(table["evaluate"]["gate"]["accuracy"].as_float(), Some(0.9));
        assert!(changed(&text, "train.seed.x=1").is_err());
        assert!(changed(&text, "train").is_err());
    }
}
