//! `mofang models …`

use clap::Subcommand;
use mofang_train::metrics::HEADLINES;
use mofang_types::{AliasName, ModelName, ModelReference, Selector};
use serde_json::json;

use crate::backend::{AliasMoveView, ModelView, VersionView};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Table;
use crate::text;
use crate::time_text;

/// Models, their versions and aliases.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the models
    List,
    /// Show everything about a version
    Show {
        /// The version: digits (the latest), digits@2, digits@production
        model: ModelReference,
    },
    /// List the versions of a model, newest first
    Versions {
        /// The model
        model: ModelName,
    },
    /// Compare two versions: metrics, recipe, pipeline, weights
    Diff {
        /// The version to compare from, e.g. digits@1
        from: ModelReference,
        /// The version to compare with, e.g. digits@2
        to: ModelReference,
    },
    /// Put a remark on a version
    Tag {
        /// The version
        model: ModelReference,
        /// The remark, as KEY=VALUE
        #[arg(value_name = "KEY=VALUE")]
        tag: String,
    },
    /// Remove a remark
    Untag {
        /// The version
        model: ModelReference,
        /// The key of the remark
        key: String,
    },
    /// Let an alias name a version, show its history, or delete it
    Alias {
        /// The version, e.g. digits@2; with --history or --delete the model
        model: ModelReference,
        /// The alias, e.g. production
        alias: AliasName,
        /// Show the moves of the alias
        #[arg(long, conflicts_with = "delete")]
        history: bool,
        /// Delete the alias; its history stays
        #[arg(long)]
        delete: bool,
    },
    /// Move an alias back to the version that it named before
    Rollback {
        /// The model
        model: ModelName,
        /// The alias
        #[arg(default_value = "production")]
        alias: AliasName,
    },
    /// Delete a version (digits@2), or a model with all its versions (digits --all)
    Delete {
        /// The version, or with --all the model
        model: ModelReference,
        /// Delete the model with all its versions
        #[arg(long)]
        all: bool,
    },
}

/// Runs the command.
pub(crate) fn run(context: &Context, command: &ModelsCommand) -> anyhow::Result<()> {
    let backend = context.backend()?;
    let output = &context.output;
    match command {
        ModelsCommand::List => output.table(&Table::new(
            &["NAME", "LATEST", "VERSIONS", "ALIASES", "CREATED"],
            &backend.models()?,
            model_row,
        )?),
        ModelsCommand::Show { model } => {
            let card = backend.card(model)?;
            output.record(&card, || text::card(&card))
        }
        ModelsCommand::Versions { model } => output.table(&Table::new(
            &[
                "VERSION", "STATUS", "METRICS", "SIZE", "TAGS", "CREATED", "BY",
            ],
            &backend.versions(model)?,
            version_row,
        )?),
        ModelsCommand::Diff { from, to } => {
            if from.model != to.model {
                return Err(Failure::bad_input(format!(
                    "failed to compare {from} with {to}: they are versions of different models"
                ))
                .into());
            }
            let diff = backend.diff(&from.model, &from.selector, &to.selector)?;
            output.record(&diff, || text::diff(&diff))
        }
        ModelsCommand::Tag { model, tag } => {
            let Some((key, value)) = tag.split_once('=') else {
                return Err(Failure::bad_input(format!(
                    "failed to tag {model}: write the tag as KEY=VALUE"
                ))
                .into());
            };
            backend.tag(model, key, value)?;
            output.done(
                &json!({ "model": model, "key": key, "value": value }),
                &format!("{model} has the tag {key}={value}"),
            )
        }
        ModelsCommand::Untag { model, key } => {
            backend.untag(model, key)?;
            output.done(
                &json!({ "model": model, "key": key }),
                &format!("{model} no longer has the tag {key}"),
            )
        }
        ModelsCommand::Alias {
            model,
            alias,
            history: true,
            ..
        } => output.table(&Table::new(
            &["FROM", "TO", "MOVED", "BY"],
            &backend.alias_history(&model.model, alias)?,
            move_row,
        )?),
        ModelsCommand::Alias {
            model,
            alias,
            delete: true,
            ..
        } => {
            backend.delete_alias(&model.model, alias)?;
            output.done(
                &json!({ "model": model.model, "alias": alias }),
                &format!("{}@{alias} is deleted", model.model),
            )
        }
        ModelsCommand::Alias { model, alias, .. } => {
            let moved = backend.set_alias(alias, model)?;
            output.done(&moved, &moved_text(&model.model, &moved))
        }
        ModelsCommand::Rollback { model, alias } => {
            let moved = backend.rollback(model, alias)?;
            output.done(&moved, &moved_text(model, &moved))
        }
        ModelsCommand::Delete { model, all: true } => {
            if model.selector != Selector::Latest {
                return Err(Failure::bad_input(format!(
                    "failed to delete {model}: --all deletes every version, so name the model alone"
                ))
                .into());
            }
            backend.delete_model(&model.model)?;
            output.done(
                &json!({ "model": model.model }),
                &format!("{} is deleted with all its versions", model.model),
            )
        }
        ModelsCommand::Delete { model, all: false } => {
            if !matches!(model.selector, Selector::Version(_)) {
                return Err(Failure::bad_input(format!(
                    "failed to delete {model}: name the version by its number, e.g. {}@1, or use --all",
                    model.model
                ))
                .into());
            }
            backend.delete_version(model)?;
            output.done(&json!({ "model": model }), &format!("{model} is deleted"))
        }
    }
}

fn model_row(model: &ModelView) -> Vec<String> {
    let aliases: Vec<String> = model
        .aliases
        .iter()
        .map(|(alias, number)| format!("{alias}={number}"))
        .collect();
    vec![
        model.name.clone(),
        number(model.latest_version),
        model.version_count.to_string(),
        aliases.join(" "),
        time_text::rfc3339(model.created_unix_ms),
    ]
}

fn version_row(version: &VersionView) -> Vec<String> {
    let metric = |name: &str| {
        version
            .metrics
            .get(name)
            .map(|value| format!("{name}={value:.4}"))
    };
    let metrics: Vec<String> = HEADLINES.into_iter().filter_map(metric).collect();
    let tags: Vec<String> = version
        .tags
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    vec![
        version.version.to_string(),
        version.status.clone(),
        metrics.join(" "),
        time_text::size(version.size_bytes),
        tags.join(" "),
        time_text::rfc3339(version.created_unix_ms),
        version.created_by.clone(),
    ]
}

fn move_row(moved: &AliasMoveView) -> Vec<String> {
    vec![
        number(moved.from_version),
        number(moved.to_version),
        time_text::rfc3339(moved.moved_unix_ms),
        moved.moved_by.clone(),
    ]
}

fn number(number: Option<u32>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

fn moved_text(model: &ModelName, moved: &AliasMoveView) -> String {
    let to = number(moved.to_version);
    match moved.from_version {
        Some(from) => format!(
            "{model}@{} names {model}@{to} (before: {model}@{from})",
            moved.alias
        ),
        None => format!("{model}@{} names {model}@{to}", moved.alias),
    }
}
