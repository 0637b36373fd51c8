//! The data directory as a backend: taken under its lock, opened, and asked on this thread.

mod accounts;
mod datasets;
mod doctor;
mod inference;
mod models;

pub(crate) use doctor::{check, machine, sum_up};

use std::cell::OnceCell;
use std::future::Future;
use std::sync::Arc;

use anyhow::Context as _;
use mofang_accounts::Accounts;
use tokio::runtime::Runtime;

use crate::backend::{Backend, DoctorView};
use crate::configuration::Configuration;
use crate::data_dir::{DataDir, Layout};
use crate::platform::Platform;

/// The data directory, owned by this process.
#[derive(Debug)]
pub(crate) struct Local {
    // Fields are dropped in this order: the lock goes last, when nothing writes any more.
    accounts: OnceCell<Arc<Accounts>>,
    predictors: inference::Predictors,
    platform: Platform,
    configuration: Configuration,
    runtime: Runtime,
    data_dir: DataDir,
}

impl Local {
    /// Takes the data directory for `command` and opens what is in it.
    pub(crate) fn open(configuration: &Configuration, command: &str) -> anyhow::Result<Self> {
        let layout = Layout::new(configuration.data_dir()?);
        let data_dir = DataDir::take(layout, command)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers(configuration, command)?)
            .enable_all()
            .build()
            .context("failed to start the runtime")?;
        let platform = runtime.block_on(Platform::open(configuration, data_dir.layout()))?;
        Ok(Self {
            accounts: OnceCell::new(),
            predictors: inference::Predictors::default(),
            platform,
            configuration: configuration.clone(),
            runtime,
            data_dir,
        })
    }

    /// What is in the directory.
    pub(crate) fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Where things lie.
    pub(crate) fn layout(&self) -> &Layout {
        self.data_dir.layout()
    }

    /// Tells others where this process can be reached.
    pub(crate) fn set_address(&mut self, url: &str) -> anyhow::Result<()> {
        self.data_dir.set_address(url.to_owned())
    }

    /// Ends: what was noted lazily is written, and the database is closed in order.
    pub(crate) fn close(self) {
        self.wait(async {
            if let Some(accounts) = self.accounts.get()
                && let Err(error) = accounts.flush().await
            {
                tracing::warn!(%error, "times of last use were not written");
            }
            self.platform.store.close().await;
        });
    }

    /// Waits for `future`.
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The accounts, opened when they are first needed.
    pub(crate) fn accounts(&self) -> anyhow::Result<&Arc<Accounts>> {
        if let Some(accounts) = self.accounts.get() {
            return Ok(accounts);
        }
        let accounts = self.wait(self.platform.accounts(&self.configuration))?;
        Ok(self.accounts.get_or_init(|| accounts))
    }
}

/// A server uses every core; other commands compute on threads of their own.
fn workers(configuration: &Configuration, command: &str) -> anyhow::Result<usize> {
    if !matches!(command, "serve" | "quickstart") {
        return Ok(1);
    }
    let threads = configuration.parse::<usize>("threads")?;
    Ok(threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
        .max(1))
}

impl Backend for Local {
    fn doctor(&self) -> anyhow::Result<DoctorView> {
        doctor::report(self)
    }
}
