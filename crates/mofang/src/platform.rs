//! The wiring: everything that lives in a data directory, opened.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use mofang_accounts::{AccountSettings, Accounts, RegistrationPolicy};
use mofang_artifacts::ArtifactStore;
use mofang_data::{Catalogue, DatasetStore};
use mofang_host::{HOST_COMMAND, HostProgram, Placement};
use mofang_registry::Registry;
use mofang_runtime::{DeviceChoice, RuntimeSettings};
use mofang_store::{SqliteStore, Store};
use mofang_types::{Clock, IdGenerator, SystemClock};

use crate::configuration::{Configuration, cloud_options};
use crate::data_dir::Layout;
use crate::exit::{CodedResult as _, Failure};
use crate::randomness;

/// Everything that lives in a data directory, but for the accounts and the models in memory, which
/// only some commands need.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) datasets: Arc<DatasetStore>,
    pub(crate) runtime: RuntimeSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<IdGenerator>,
}

impl Platform {
    /// Opens what lies below `layout`.
    pub(crate) async fn open(
        configuration: &Configuration,
        layout: &Layout,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let ids = Arc::new(IdGenerator::new(Box::new(randomness::generator()?)));
        let path = layout.database();
        let store = SqliteStore::open(&path, Arc::clone(&clock))
            .await
            .coded()
            .with_context(|| format!("failed to open {}", path.display()))?;
        let store = Arc::new(store);
        let location = configuration
            .get("artifacts")
            .unwrap_or_else(|| layout.artifacts().display().to_string());
        let artifacts = ArtifactStore::open_with(&location, &cloud_options())
            .coded()
            .with_context(|| format!("failed to open the artifacts at {location}"))?;
        let artifacts = Arc::new(artifacts);
        let registry = Registry::open(
            Arc::clone(&store) as Arc<dyn Store>,
            artifacts,
            Arc::clone(&clock),
            Arc::clone(&ids),
        )
        .await
        .coded()
        .context("failed to open the registry")?;
        let catalogue = Catalogue::builtin()
            .coded()
            .context("failed to read the catalogue of datasets")?;
        Ok(Self {
            store,
            registry: Arc::new(registry),
            datasets: Arc::new(DatasetStore::new(layout.datasets(), catalogue)),
            runtime: runtime_settings(configuration, Arc::clone(&clock))?,
            clock,
            ids,
        })
    }

    /// Opens the accounts.
    pub(crate) async fn accounts(
        &self,
        configuration: &Configuration,
    ) -> anyhow::Result<Arc<Accounts>> {
        let accounts = Accounts::open(
            Arc::clone(&self.store) as Arc<dyn Store>,
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
            Box::new(randomness::generator()?),
            account_settings(configuration)?,
        )
        .await
        .coded()
        .context("failed to open the accounts")?;
        Ok(accounts)
    }
}

/// What networks of our own compute on.
pub(crate) fn device(configuration: &Configuration) -> anyhow::Result<DeviceChoice> {
    Ok(configuration.parse("device")?.unwrap_or_default())
}

/// Where models run: those whose files are not our own each in a process of this same binary.
pub(crate) fn runtime_settings(
    configuration: &Configuration,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<RuntimeSettings> {
    // What the running binary is, also after its file was replaced by a newer one.
    let itself = PathBuf::from("/proc/self/exe");
    let path = if itself.exists() {
        itself
    } else {
        std::env::current_exe().context("failed to find this binary")?
    };
    Ok(RuntimeSettings {
        device: device(configuration)?,
        placement: Placement::OwnProcess {
            program: HostProgram {
                path,
                arguments: vec![HOST_COMMAND.into()],
            },
            limits: configuration.section("hosts")?,
            clock,
        },
    })
}

fn account_settings(configuration: &Configuration) -> anyhow::Result<AccountSettings> {
    let registration = match configuration.get("accounts.registration").as_deref() {
        Some("open") => RegistrationPolicy::Open,
        Some("closed") | None => RegistrationPolicy::Closed,
        Some(other) => {
            let message = format!(
                "failed to read \"{other}\" as accounts.registration: there are open and closed"
            );
            return Err(Failure::bad_input(message).into());
        }
    };
    let defaults = AccountSettings::default();
    let requests_per_minute = configuration.parse("accounts.requests_per_minute")?;
    Ok(AccountSettings {
        registration,
        open_role: configuration
            .parse("accounts.open_role")?
            .unwrap_or(defaults.open_role),
        first_user_from_loopback: configuration
            .parse("accounts.first_user_from_loopback")?
            .unwrap_or(defaults.first_user_from_loopback),
        bootstrap_token: configuration
            .get("accounts.bootstrap_token")
            .map(Into::into),
        requests_per_minute: requests_per_minute.filter(|requests| *requests > 0),
        ..defaults
    })
}
