//! `mofang train`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use mofang_train::Recipe;
use mofang_train::metrics::HEADLINES;
use mofang_types::{AliasName, ModelName};
use serde_json::json;

use crate::cli::DeviceArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::run_record::RunRecord;
use crate::training::{self, Finished, Plan, Publish};

/// What `--resume` stands for without a run.
const LATEST: &str = "latest";

/// What to train.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The recipe, a TOML file; with --resume=RUN the run has it
    #[arg(value_name = "RECIPE", required_unless_present = "resume")]
    recipe: Option<PathBuf>,
    /// The model to publish; the recipe's own name by default
    #[arg(long, value_name = "NAME")]
    model: Option<ModelName>,
    /// Go on with an unfinished run: the one named, or the latest of this recipe
    #[arg(long, value_name = "RUN", num_args = 0..=1, require_equals = true, default_missing_value = LATEST)]
    resume: Option<String>,
    /// Let this alias name the new version; may be repeated
    #[arg(long = "alias", value_name = "ALIAS")]
    aliases: Vec<AliasName>,
    /// Publish even when the run misses its gate
    #[arg(long)]
    publish_anyway: bool,
    /// Train and evaluate without publishing
    #[arg(long, conflicts_with = "publish_anyway")]
    no_publish: bool,
    /// Change a value of the recipe, e.g. train.seed=7; the run keeps the recipe as it was changed
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "resume")]
    changes: Vec<String>,
    /// What to remember about the version
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

impl TrainArgs {
    fn publish(&self) -> Publish {
        if self.no_publish {
            Publish::Never
        } else if self.publish_anyway {
            Publish::Always
        } else {
            Publish::WhenPassed
        }
    }
}

/// Runs the command.
pub(crate) fn run(context: &Context, args: &TrainArgs) -> anyhow::Result<()> {
    let local = context.local()?;
    let recipe = args
        .recipe
        .as_deref()
        .map(|path| training::read_recipe(path, &args.changes))
        .transpose()?;
    let resumed = match args.resume.as_deref() {
        None => None,
        Some(LATEST) => {
            let digest = recipe.as_ref().map(Recipe::digest);
            let found = RunRecord::unfinished(local.layout(), digest)?.ok_or_else(|| {
                Failure::bad_input(
                    "failed to resume: there is no unfinished run of this recipe; `mofang runs list` shows all runs",
                )
            })?;
            Some(found)
        }
        Some(run) => Some(RunRecord::find(local.layout(), run).context("failed to resume")?),
    };
    let recipe = match (recipe, &resumed) {
        (Some(recipe), _) => recipe,
        (None, Some(record)) => training::recipe_of(local.layout(), record)?,
        (None, None) => return Err(Failure::bad_input("failed to train: name a recipe").into()),
    };
    let finished = training::execute(
        context,
        &local,
        Plan {
            recipe,
            model: args.model.clone(),
            resumed,
            publish: args.publish(),
            aliases: args.aliases.clone(),
            note: args.note.clone(),
        },
    )?;
    report(context, &finished)
}

/// Says how the run ended.
fn report(context: &Context, finished: &Finished) -> anyhow::Result<()> {
    let record = &finished.record;
    let value = json!({
        "run": record.id,
        "status": record.status,
        "reason": record.reason,
        "metrics": record.metrics,
        "weights_digest": record.weights_digest,
        "version": record.version,
        "folder": finished.folder,
    });
    context.output.record(&value, || {
        let mut lines = vec![format!(
            "run {}: {}",
            record.id,
            record
                .reason
                .clone()
                .unwrap_or_else(|| record.status.to_string())
        )];
        for metric in HEADLINES {
            if let Some(value) = record.metrics.get(metric) {
                lines.push(format!("test {metric}: {value:.4}"));
            }
        }
        if let Some(version) = &record.version {
            lines.push(format!("published {version}"));
        }
        lines.push(format!(
            "report: {}",
            finished.folder.join("report.md").display()
        ));
        lines.join("\n")
    })?;
    match &finished.refusal {
        Some(refusal) => Err(anyhow::anyhow!(
            "failed to publish: {refusal}; the run is kept, and `mofang train --resume={} --publish-anyway` publishes it",
            record.id
        )),
        None => Ok(()),
    }
}
