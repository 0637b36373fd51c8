//! `mofang datasets …`

use clap::Subcommand;
use serde_json::json;

use crate::context::Context;
use crate::output::Table;
use crate::progress::Transfer;
use crate::text::outline;

/// Datasets.
#[derive(Debug, Subcommand)]
pub(crate) enum DatasetsCommand {
    /// List the datasets of the catalogue
    List,
    /// Fetch the files of a dataset, going on where an earlier attempt stopped
    Pull {
        /// The dataset
        name: String,
        /// A folder or an address that has the files
        #[arg(long, value_name = "DIR-OR-URL")]
        mirror: Option<String>,
    },
    /// Show everything about a dataset: licence, citation, files
    Show {
        /// The dataset
        name: String,
    },
    /// Check the digest of every file of a dataset
    Verify {
        /// The dataset
        name: String,
    },
}

/// Runs the command.
pub(crate) fn run(context: &Context, command: &DatasetsCommand) -> anyhow::Result<()> {
    let backend = context.backend()?;
    let output = &context.output;
    match command {
        DatasetsCommand::List => output.table(&Table::new(
            &["NAME", "TITLE", "LICENSE", "CLASSES", "STATUS"],
            &backend.datasets()?,
            |dataset| {
                vec![
                    dataset.name.clone(),
                    dataset.title.clone(),
                    dataset.license.clone(),
                    dataset.labels.len().to_string(),
                    dataset.status.clone(),
                ]
            },
        )?),
        DatasetsCommand::Pull { name, mirror } => {
            let transfer = Transfer::new(output);
            backend.pull(name, mirror.as_deref(), &mut |file, received, total| {
                transfer.update(file, received, total);
            })?;
            transfer.finish();
            output.done(
                &json!({ "dataset": name, "status": "present" }),
                &format!("{name} is here, every digest as it should be"),
            )
        }
        DatasetsCommand::Show { name } => {
            let dataset = backend.dataset(name)?;
            let value = serde_json::to_value(&dataset)?;
            output.record(&value, || outline(&value))
        }
        DatasetsCommand::Verify { name } => {
            backend.verify(name)?;
            output.done(
                &json!({ "dataset": name, "verified": true }),
                &format!("every file of {name} has its digest"),
            )
        }
    }
}
