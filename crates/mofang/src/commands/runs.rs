//! `mofang runs …`: what training left below `runs/`, one folder per run.

use std::fs;

use anyhow::Context as _;
use clap::Subcommand;
use mofang_train::metrics::HEADLINES;

use crate::context::Context;
use crate::data_dir::Layout;
use crate::exit::Failure;
use crate::output::Table;
use crate::run_record::RunRecord;
use crate::text::outline;
use crate::time_text;

/// Training runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the runs, newest first
    List,
    /// Show everything about a run
    Show {
        /// The run's id, or the beginning of it
        run: String,
    },
}

/// Runs the command. Records are read without the lock: they are only ever replaced whole.
pub(crate) fn run(context: &Context, command: &RunsCommand) -> anyhow::Result<()> {
    if let Some(url) = context.configuration.get("server") {
        return Err(Failure::bad_input(format!(
            "failed to ask {url}: runs are kept in a data directory of this machine; leave --server out"
        ))
        .into());
    }
    let layout = Layout::new(context.configuration.data_dir()?);
    match command {
        RunsCommand::List => {
            let records = RunRecord::all(&layout)?;
            context.output.table(&Table::new(
                &[
                    "RUN", "MODEL", "DATASET", "STATUS", "RESULT", "VERSION", "STARTED",
                ],
                &records,
                row,
            )?)
        }
        RunsCommand::Show { run } => {
            let record = RunRecord::find(&layout, run)?;
            let folder = layout.runs().join(&record.id);
            let mut value = serde_json::to_value(&record).context("failed to write JSON")?;
            value["folder"] = folder.display().to_string().into();
            let mut files: Vec<String> = fs::read_dir(&folder)
                .with_context(|| format!("failed to read {}", folder.display()))?
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .collect();
            files.sort();
            value["files"] = files.into();
            context.output.record(&value, || outline(&value))
        }
    }
}

fn row(record: &RunRecord) -> Vec<String> {
    let headline = HEADLINES
        .into_iter()
        .find_map(|name| Some((name, record.metrics.get(name)?)));
    let result = headline.map_or_else(
        || "-".to_owned(),
        |(name, value)| format!("{name}={value:.4}"),
    );
    vec![
        record.id.clone(),
        record.model.clone(),
        record.dataset.clone(),
        record.status.to_string(),
        result,
        record.version.clone().unwrap_or_else(|| "-".to_owned()),
        time_text::rfc3339(record.started_unix_ms),
    ]
}
