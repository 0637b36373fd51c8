//! Where models come from.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use mofang_registry::{Registry, Route};
use mofang_runtime::{Predictor, RuntimeSettings};
use mofang_types::ModelReference;

use crate::{ServedModel, ServingError};

/// A place that names versions and loads them.
#[async_trait]
pub trait ModelSource: Send + Sync + fmt::Debug {
    /// Which version the reference means now. Called for every request: memory only.
    fn resolve(&self, reference: &ModelReference) -> Result<Route, ServingError>;

    /// Reads, verifies and loads a version. Called once per load, never on the way of a request
    /// that finds its model loaded.
    async fn load(&self, route: &Route) -> Result<Arc<dyn ServedModel>, ServingError>;
}

/// The registry as a source: packages are verified there, and corrupted ones quarantined.
#[derive(Debug)]
pub(crate) struct RegistrySource {
    registry: Arc<Registry>,
    runtime: RuntimeSettings,
}

impl RegistrySource {
    pub(crate) fn new(registry: Arc<Registry>, runtime: RuntimeSettings) -> Self {
        Self { registry, runtime }
    }
}

#[async_trait]
impl ModelSource for RegistrySource {
    fn resolve(&self, reference: &ModelReference) -> Result<Route, ServingError> {
        self.registry
            .resolve(reference)
            .map_err(ServingError::refused)
    }

    async fn load(&self, route: &Route) -> Result<Arc<dyn ServedModel>, ServingError> {
        let package = self
            .registry
            .load_package(route)
            .await
            .map_err(ServingError::refused)?;
        let runtime = self.runtime.clone();
        let loaded = tokio::task::spawn_blocking(move || Predictor::load(&package, &runtime)).await;
        match loaded {
            Ok(Ok(predictor)) => Ok(Arc::new(predictor)),
            Ok(Err(error)) => Err(ServingError::refused(error)),
            Err(error) => Err(ServingError::Internal {
                model: format!("{}@{}", route.model, route.number),
                message: format!("loading stopped: {error}"),
            }),
        }
    }
}
