//! Mofang: a self-hosted model-as-a-service platform. This crate is the command line, the settings,
//! the data directory with its lock, and the wiring of everything below.

mod backend;
mod cli;
mod commands;
mod configuration;
mod context;
mod data_dir;
mod exit;
mod inputs;
mod local;
mod logging;
mod output;
mod platform;
mod progress;
mod randomness;
mod run_record;
mod server;
mod shape;
mod signals;
mod text;
mod text_lines;
mod time_text;
mod training;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use cli::{Cli, Command};
use configuration::Configuration;
use context::Context;
use exit::{CodedResult as _, Failure};
use output::{Format, Output};

fn main() -> ExitCode {
    if let Some(memory_bytes) = host_memory_bytes() {
        return mofang_host::run_host(memory_bytes);
    }
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Output::new(Format::Text, false)
                .complain(&format!("error: {}", exit::describe(&error)));
            exit::exit_code(exit::code_of(&error))
        }
    }
}

/// The limit of a model's process, when this is one: not a command for people, and nothing of the
/// command line, the settings or the logs is touched for it.
fn host_memory_bytes() -> Option<u64> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != mofang_host::HOST_COMMAND {
        return None;
    }
    arguments.next()?.to_str()?.parse().ok()
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let mut flags = cli.global.flags();
    flags.extend(cli.command.flags());
    let configuration = Configuration::read(&flags, cli.global.config.as_deref())?;
    let format = format(&configuration)?;
    let is_server = matches!(cli.command, Command::Serve(_));
    logging::start(
        &configuration,
        is_server,
        cli.global.verbose,
        cli.global.quiet,
    )?;
    if let Some(threads) = configuration.parse::<usize>("threads")? {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .context("failed to start the threads for computing")?;
    }
    if let Some(kernels) = configuration.parse::<mofang_nn::Kernels>("kernels")? {
        kernels.set();
    }
    if cli.command.computes() && configuration.get("server").is_none() {
        // A device that is not there is told before anything is begun.
        let choice = platform::device(&configuration)?;
        let device = choice
            .find()
            .coded()
            .with_context(|| format!("failed to take the device \"{choice}\""))?;
        tracing::debug!(%device, "networks compute on this device");
    }
    let context = Context::new(
        configuration,
        Output::new(format, cli.global.quiet),
        cli.command.name(),
    );
    match &cli.command {
        Command::Quickstart(args) => commands::quickstart::run(&context, args),
        Command::Train(args) => commands::train::run(&context, args),
        Command::Import(args) => commands::import::run(&context, args),
        Command::Serve(args) => commands::serve::run(&context, args),
        Command::Predict(args) => commands::predict::run(&context, args),
        Command::Generate(args) => commands::generate::run(&context, args),
        Command::Evaluate(args) => commands::evaluate::run(&context, args),
        Command::Models(command) => commands::models::run(&context, command),
        Command::Runs(command) => commands::runs::run(&context, command),
        Command::Datasets(command) => commands::datasets::run(&context, command),
        Command::Keys(command) => commands::keys::run(&context, command),
        Command::Users(command) => commands::users::run(&context, command),
        Command::Doctor => commands::doctor::run(&context),
        Command::Config(command) => commands::config::run(&context, command),
    }
}

fn format(configuration: &Configuration) -> anyhow::Result<Format> {
    let text = configuration.get("format").unwrap_or_default();
    clap::ValueEnum::from_str(&text, false).map_err(|_| {
        Failure::bad_input(format!(
            "failed to read \"{text}\" as format: there are text, json and csv"
        ))
        .into()
    })
}
