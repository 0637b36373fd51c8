//! The log: to stderr, for people or as JSON lines. Never inputs, keys or personal data.

use tracing_subscriber::EnvFilter;

use crate::configuration::Configuration;
use crate::exit::Failure;

/// Starts logging; `is_server` logs what a server does, other commands only what is worrying.
pub(crate) fn start(
    configuration: &Configuration,
    is_server: bool,
    verbose: u8,
    is_quiet: bool,
) -> anyhow::Result<()> {
    let default = match (is_quiet, verbose, is_server) {
        (true, ..) => "error",
        (false, 0, true) => "info",
        (false, 0, false) => "warn",
        (false, 1, _) => "info,mofang=debug,mofang_http=debug,mofang_serving=debug",
        (false, ..) => "debug",
    };
    let filter = configuration
        .get("log.filter")
        .unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        Failure::bad_input(format!(
            "failed to read \"{filter}\" as log.filter: {error}"
        ))
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match configuration.get("log.format").as_deref() {
        Some("json") => builder.json().flatten_event(true).init(),
        Some("text") | None => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(is_terminal).init();
        }
        Some(other) => {
            let message =
                format!("failed to read \"{other}\" as log.format: there are text and json");
            return Err(Failure::bad_input(message).into());
        }
    }
    Ok(())
}
