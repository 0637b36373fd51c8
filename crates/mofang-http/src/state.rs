//! What the handlers work with.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use mofang_accounts::Accounts;
use mofang_data::DatasetStore;
use mofang_registry::Registry;
use mofang_runtime::RuntimeSettings;
use mofang_serving::Serving;
use mofang_types::{Clock, IdGenerator};
use tokio::sync::{Semaphore, watch};

use crate::HttpSettings;
use crate::metering::Metering;

/// The parts of the service, as the binary wires them.
#[derive(Debug)]
pub struct Services {
    /// Users, keys, roles.
    pub accounts: Arc<Accounts>,
    /// Models and versions.
    pub registry: Arc<Registry>,
    /// Predictions.
    pub serving: Arc<Serving>,
    /// Datasets.
    pub datasets: Arc<DatasetStore>,
    /// Where models run that an import asks.
    pub runtime: RuntimeSettings,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids of requests.
    pub ids: Arc<IdGenerator>,
}

/// What the handlers work with.
#[derive(Debug)]
pub struct AppState {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) serving: Arc<Serving>,
    pub(crate) datasets: Arc<DatasetStore>,
    pub(crate) runtime: RuntimeSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<IdGenerator>,
    pub(crate) settings: HttpSettings,
    pub(crate) metering: Metering,
    closing: watch::Sender<bool>,
    /// The OpenAPI document; known once the routes are.
    pub(crate) openapi: OnceLock<Bytes>,
    /// One evaluation at a time: each takes every core it gets.
    pub(crate) evaluations: Arc<Semaphore>,
    /// One import at a time: each holds a whole model in memory, several times.
    pub(crate) imports: Arc<Semaphore>,
    /// One dataset is pulled or verified at a time.
    pub(crate) dataset_work: Arc<Semaphore>,
}

impl AppState {
    /// A state over the parts.
    pub fn new(services: Services, settings: HttpSettings) -> Arc<Self> {
        Arc::new(Self {
            accounts: services.accounts,
            registry: services.registry,
            serving: services.serving,
            datasets: services.datasets,
            runtime: services.runtime,
            clock: services.clock,
            ids: services.ids,
            settings,
            metering: Metering::default(),
            closing: watch::Sender::new(false),
            openapi: OnceLock::new(),
            evaluations: Arc::new(Semaphore::new(1)),
            imports: Arc::new(Semaphore::new(1)),
            dataset_work: Arc::new(Semaphore::new(1)),
        })
    }

    /// Answers `/readyz` with no from now on, so that balancers look elsewhere; requests that come
    /// all the same are served.
    pub fn begin_shutdown(&self) {
        self.closing.send_replace(true);
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits until the shutdown begins, at which whatever has no end of its own has to end.
    pub(crate) async fn closed(&self) {
        // The sender is here, so that waiting cannot fail.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }
}
