//! The command line, as clap reads it. What the commands do is in `commands`.
#![expect(
    clippy::doc_markdown,
    reason = "the comments are the help, which shows them as they are"
)]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use mofang_runtime::DeviceChoice;

use crate::commands;
use crate::output::Format;

/// Train models, keep their versions, serve them, and ask them.
#[derive(Debug, Parser)]
#[command(
    name = "mofang",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "Settings come from mofang.toml, then MOFANG_* in the environment, then flags; `mofang config show` tells which.\n\
                  Exit codes: 0 success, 1 failure, 2 something is wrong with what was asked for."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that may stand anywhere on the line.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Where everything lives [env: MOFANG_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Act on a running server instead of the data directory [env: MOFANG_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The key for --server; a file or the environment hides it from other users [env: MOFANG_API_KEY]
    #[arg(long, global = true, value_name = "KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// A file with the key for --server [env: MOFANG_API_KEY_FILE]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "api_key")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// The form of results [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Threads for computing; all cores by default
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// The settings file; ./mofang.toml when it is there [env: MOFANG_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say only results and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Log more; twice for still more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What to compute on.
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    /// What networks compute on: cpu, vulkan or auto [default: cpu] [env: MOFANG_DEVICE]
    #[arg(long, value_name = "DEVICE", conflicts_with = "server")]
    device: Option<DeviceChoice>,
}

impl DeviceArgs {
    /// The setting that the flag gives.
    pub(crate) fn flag(&self) -> (&'static str, Option<String>) {
        ("device", self.device.map(|device| device.to_string()))
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train on the digits, publish, serve, and ask for a prediction: the whole story in a minute
    Quickstart(commands::quickstart::QuickstartArgs),
    /// Train a model by a recipe and publish it
    Train(commands::train::TrainArgs),
    /// Make a model of a file that another tool wrote: PyTorch's, safetensors or ONNX
    Import(Box<commands::import::ImportArgs>),
    /// Serve models over HTTP
    Serve(commands::serve::ServeArgs),
    /// Ask a model about files
    Predict(commands::predict::PredictArgs),
    /// Go on with a text, by a language model
    Generate(commands::generate::GenerateArgs),
    /// Measure a model on a split of a dataset
    Evaluate(commands::evaluate::EvaluateArgs),
    /// Models, their versions and aliases
    #[command(subcommand)]
    Models(commands::models::ModelsCommand),
    /// Training runs
    #[command(subcommand)]
    Runs(commands::runs::RunsCommand),
    /// Datasets
    #[command(subcommand)]
    Datasets(commands::datasets::DatasetsCommand),
    /// API keys
    #[command(subcommand)]
    Keys(commands::keys::KeysCommand),
    /// Users
    #[command(subcommand)]
    Users(commands::users::UsersCommand),
    /// Look whether everything is in order
    Doctor,
    /// Settings
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
}

impl Command {
    /// The command's name, for the lock file.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Quickstart(_) => "quickstart",
            Self::Train(_) => "train",
            Self::Import(_) => "import",
            Self::Serve(_) => "serve",
            Self::Predict(_) => "predict",
            Self::Generate(_) => "generate",
            Self::Evaluate(_) => "evaluate",
            Self::Models(_) => "models",
            Self::Runs(_) => "runs",
            Self::Datasets(_) => "datasets",
            Self::Keys(_) => "keys",
            Self::Users(_) => "users",
            Self::Doctor => "doctor",
            Self::Config(_) => "config",
        }
    }

    /// Whether it lets a network compute.
    pub(crate) fn computes(&self) -> bool {
        match self {
            Self::Quickstart(_)
            | Self::Train(_)
            | Self::Serve(_)
            | Self::Predict(_)
            | Self::Generate(_)
            | Self::Evaluate(_) => true,
            Self::Import(_)
            | Self::Models(_)
            | Self::Runs(_)
            | Self::Datasets(_)
            | Self::Keys(_)
            | Self::Users(_)
            | Self::Doctor
            | Self::Config(_) => false,
        }
    }

    /// Settings that this command's own flags give.
    pub(crate) fn flags(&self) -> Vec<(&'static str, Option<String>)> {
        match self {
            Self::Serve(args) => args.flags(),
            Self::Train(args) => vec![args.device.flag()],
            Self::Predict(args) => vec![args.device.flag()],
            Self::Generate(args) => vec![args.device.flag()],
            Self::Evaluate(args) => vec![args.device.flag()],
            Self::Quickstart(_)
            | Self::Import(_)
            | Self::Models(_)
            | Self::Runs(_)
            | Self::Datasets(_)
            | Self::Keys(_)
            | Self::Users(_)
            | Self::Doctor
            | Self::Config(_) => Vec::new(),
        }
    }
}

impl GlobalArgs {
    /// The settings that these flags give.
    pub(crate) fn flags(&self) -> Vec<(&'static str, Option<String>)> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let format = self.format.and_then(|format| {
            clap::ValueEnum::to_possible_value(&format).map(|value| value.get_name().to_owned())
        });
        vec![
            ("data_dir", path(&self.data_dir)),
            ("server", self.server.clone()),
            ("api_key", self.api_key.clone()),
            ("api_key_file", path(&self.api_key_file)),
            ("format", format),
            ("threads", self.threads.map(|threads| threads.to_string())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }
}
