//! What every command is given: settings, output, and what to act on.

use std::cell::OnceCell;

use crate::backend::{Backend, Remote};
use crate::configuration::Configuration;
use crate::exit::Failure;
use crate::local::Local;
use crate::output::Output;

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) configuration: Configuration,
    pub(crate) output: Output,
    command: &'static str,
    backend: OnceCell<Box<dyn Backend>>,
}

impl Context {
    /// The context of a command; nothing is opened yet.
    pub(crate) fn new(configuration: Configuration, output: Output, command: &'static str) -> Self {
        Self {
            configuration,
            output,
            command,
            backend: OnceCell::new(),
        }
    }

    /// What to act on: the server, where one is named, or the data directory.
    pub(crate) fn backend(&self) -> anyhow::Result<&dyn Backend> {
        if let Some(backend) = self.backend.get() {
            return Ok(backend.as_ref());
        }
        let backend: Box<dyn Backend> = match self.configuration.get("server") {
            Some(url) => Box::new(Remote::new(&url, self.configuration.api_key()?)?),
            None => Box::new(Local::open(&self.configuration, self.command)?),
        };
        Ok(self.backend.get_or_init(|| backend).as_ref())
    }

    /// The data directory, for commands that work on this machine only.
    pub(crate) fn local(&self) -> anyhow::Result<Local> {
        if let Some(url) = self.configuration.get("server") {
            return Err(Failure::bad_input(format!(
                "failed to ask {url}: `mofang {}` works on a data directory of this machine; leave --server out",
                self.command
            ))
            .into());
        }
        Local::open(&self.configuration, self.command)
    }
}
