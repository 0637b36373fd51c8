//! `mofang config …`

use clap::Subcommand;

use crate::context::Context;
use crate::output::Table;

/// Settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting with its value and where it comes from; secrets are masked
    Show,
}

/// Runs the command.
pub(crate) fn run(context: &Context, command: &ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Show => {
            let shown = context.configuration.shown();
            let table = Table::new(
                &["KEY", "VALUE", "SOURCE"],
                &shown,
                crate::configuration::Shown::row,
            )?;
            context.output.table(&table)
        }
    }
}
