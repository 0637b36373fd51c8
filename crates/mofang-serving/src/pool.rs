//! The loaded versions: loaded on demand, once for all who wait, unloaded by least recent use.
//!
//! A version counts as used while somebody holds it: a request from resolving to decoding, or an
//! evaluation that holds its predictor. Only versions that nobody holds are unloaded.

mod state;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt as _;
use mofang_registry::Route;
use mofang_types::{Clock, ModelName};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use self::state::{PoolState, Slot};
use crate::error::panic_message;
use crate::metrics::VersionMetrics;
use crate::queue::BatchQueue;
use crate::{ServedModel, ServingError, ServingSettings};

/// A version in memory: its model, its queue and its counters.
#[derive(Debug)]
pub(crate) struct LoadedVersion {
    /// `digits@3`.
    pub(crate) name: String,
    pub(crate) queue: BatchQueue,
    size_bytes: u64,
}

/// What all who wait for a load are told.
type LoadOutcome = Result<Arc<LoadedVersion>, ServingError>;

/// The loaded versions.
#[derive(Debug)]
pub(crate) struct Pool {
    settings: ServingSettings,
    clock: Arc<dyn Clock>,
    state: Mutex<PoolState>,
    loading: Semaphore,
    loads: AtomicU64,
    load_failures: AtomicU64,
    unloads: AtomicU64,
}

/// The counters of the pool at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolCounters {
    pub(crate) loaded_versions: usize,
    pub(crate) loaded_bytes: u64,
    pub(crate) loads: u64,
    pub(crate) load_failures: u64,
    pub(crate) unloads: u64,
}

impl Pool {
    pub(crate) fn new(settings: ServingSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            loading: Semaphore::new(settings.concurrent_loads),
            settings,
            clock,
            state: Mutex::default(),
            loads: AtomicU64::new(0),
            load_failures: AtomicU64::new(0),
            unloads: AtomicU64::new(0),
        }
    }

    /// The version, if it is loaded.
    pub(crate) fn ready(&self, version_id: &str) -> Option<Arc<LoadedVersion>> {
        self.state.lock().ready(version_id)
    }

    /// The version, loaded by `load` unless it is loaded or being loaded already. A load goes on
    /// when its first caller leaves: others may wait for it.
    ///
    /// # Errors
    /// When the load fails (the same error for all who waited; the next caller tries again), or when
    /// there is no room.
    pub(crate) async fn get<F>(
        self: &Arc<Self>,
        route: &Route,
        metrics: &Arc<VersionMetrics>,
        load: impl FnOnce() -> F,
    ) -> LoadOutcome
    where
        F: Future<Output = Result<Arc<dyn ServedModel>, ServingError>> + Send + 'static,
    {
        let mut outcome = {
            let mut state = self.state.lock();
            match state.slot(&route.version_id) {
                Some(Slot::Ready(loaded)) => return Ok(loaded),
                Some(Slot::Loading(outcome)) => outcome,
                None => {
                    state.check_allowed(&route.model)?;
                    let (sender, receiver) = watch::channel(None);
                    state.begin(&route.version_id, &route.model, receiver.clone());
                    let job = LoadJob {
                        pool: Arc::clone(self),
                        version_id: route.version_id.clone(),
                        model: route.model.clone(),
                        name: format!("{}@{}", route.model, route.number),
                        metrics: Arc::clone(metrics),
                    };
                    let load = load();
                    tokio::spawn(async move {
                        let outcome = job.run(load).await;
                        let _ = sender.send(Some(outcome));
                    });
                    receiver
                }
            }
        };
        let told = outcome
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|outcome| outcome.clone());
        // The sender can only go away unsent when the runtime is shutting down.
        told.unwrap_or(Err(ServingError::Closing))
    }

    /// Unloads every version of a model and loads none until [`Self::allow`]; how many there were.
    /// Whoever is inside is answered; the memory goes back with the last of them.
    pub(crate) fn unload(&self, model: &ModelName) -> usize {
        let gone = self.state.lock().unload(model);
        for loaded in &gone {
            self.unloads.fetch_add(1, Ordering::Relaxed);
            tracing::info!(model.name = %loaded.name, "unloaded a version because it was asked for");
        }
        gone.len()
    }

    /// Lets versions of a model be loaded again.
    pub(crate) fn allow(&self, model: &ModelName) {
        self.state.lock().allow(model);
    }

    /// Whether versions of the model may be loaded.
    ///
    /// # Errors
    /// When it was unloaded.
    pub(crate) fn check_allowed(&self, model: &ModelName) -> Result<(), ServingError> {
        self.state.lock().check_allowed(model)
    }

    /// Refuses what waits in every queue and unloads every version that nobody holds.
    pub(crate) fn close(&self) {
        let all = self.state.lock().close();
        for loaded in all {
            loaded.queue.abort();
        }
    }

    pub(crate) fn counters(&self) -> PoolCounters {
        let (loaded_versions, loaded_bytes) = self.state.lock().size();
        PoolCounters {
            loaded_versions,
            loaded_bytes,
            loads: self.loads.load(Ordering::Relaxed),
            load_failures: self.load_failures.load(Ordering::Relaxed),
            unloads: self.unloads.load(Ordering::Relaxed),
        }
    }
}

/// One load, on a task of its own.
struct LoadJob {
    pool: Arc<Pool>,
    version_id: String,
    model: ModelName,
    name: String,
    metrics: Arc<VersionMetrics>,
}

impl LoadJob {
    async fn run<F>(self, load: F) -> LoadOutcome
    where
        F: Future<Output = Result<Arc<dyn ServedModel>, ServingError>> + Send,
    {
        let outcome = self.load(load).await;
        let mut unloaded = Vec::new();
        let outcome = {
            let mut state = self.pool.state.lock();
            let admitted = outcome.and_then(|loaded| {
                unloaded = state.make_room(
                    &self.model,
                    &loaded.name,
                    loaded.size_bytes,
                    &self.pool.settings,
                )?;
                Ok(loaded)
            });
            state.end(&self.version_id, admitted.as_ref().ok());
            admitted
        };
        for gone in &unloaded {
            self.pool.unloads.fetch_add(1, Ordering::Relaxed);
            tracing::info!(model.name = %gone.name, "unloaded a version to make room");
        }
        match &outcome {
            Ok(loaded) => {
                self.pool.loads.fetch_add(1, Ordering::Relaxed);
                tracing::info!(
                    model.name = %loaded.name,
                    size_bytes = loaded.size_bytes,
                    "loaded a version"
                );
            }
            Err(error) => {
                self.pool.load_failures.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(model.name = %self.name, error = %error, "a version did not load");
            }
        }
        outcome
    }

    async fn load<F>(&self, load: F) -> LoadOutcome
    where
        F: Future<Output = Result<Arc<dyn ServedModel>, ServingError>> + Send,
    {
        let _permit = self
            .pool
            .loading
            .acquire()
            .await
            .map_err(|_| ServingError::Closing)?;
        let model = AssertUnwindSafe(load)
            .catch_unwind()
            .await
            .map_err(|panic| ServingError::Panicked {
                model: self.name.clone(),
                message: panic_message(panic.as_ref()),
            })??;
        let size_bytes = model.size_bytes();
        let queue = BatchQueue::start(
            &self.name,
            model,
            &self.pool.settings,
            Arc::clone(&self.pool.clock),
            Arc::clone(&self.metrics),
        )?;
        Ok(Arc::new(LoadedVersion {
            name: self.name.clone(),
            queue,
            size_bytes,
        }))
    }
}

#[cfg(test)]
mod tests;
