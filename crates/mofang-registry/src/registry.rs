//! The registry itself: opening, resolving, loading.

use std::sync::Arc;

use mofang_artifacts::ArtifactStore;
use mofang_store::{NewAuditEntry, Store};
use mofang_types::{Clock, IdGenerator, ModelReference, Package};
use serde_json::Value;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

use crate::routing::Routing;
use crate::{Actor, RegistryError, Route};

/// Models, versions and aliases over a store and its artifacts.
#[derive(Debug)]
pub struct Registry {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) artifacts: Arc<ArtifactStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<IdGenerator>,
    pub(crate) routing: Arc<Routing>,
    /// Shared by publishes, held alone by the collection of garbage: what a publish has written
    /// and not yet named is no garbage.
    pub(crate) publishing: RwLock<()>,
    follower: JoinHandle<()>,
}

impl Registry {
    /// Opens the registry: reads the routes and follows the store's changes from then on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(
        store: Arc<dyn Store>,
        artifacts: Arc<ArtifactStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<IdGenerator>,
    ) -> Result<Self, RegistryError> {
        let routing = Arc::new(Routing::new(Arc::clone(&store)));
        routing.refresh().await?;
        let follower = tokio::spawn(Arc::clone(&routing).follow());
        Ok(Self {
            store,
            artifacts,
            clock,
            ids,
            routing,
            publishing: RwLock::new(()),
            follower,
        })
    }

    /// The version that `reference` means now. From memory; waits for nothing.
    ///
    /// # Errors
    /// When there is none, or it is quarantined.
    pub fn resolve(&self, reference: &ModelReference) -> Result<Route, RegistryError> {
        self.routing.table().resolve(reference).cloned()
    }

    /// The version that `reference` means now, be it usable or quarantined.
    ///
    /// # Errors
    /// When there is none.
    pub fn locate(&self, reference: &ModelReference) -> Result<Route, RegistryError> {
        self.routing.table().locate(reference).cloned()
    }

    /// Reads the package of a version, every byte of it verified. A damaged one is quarantined.
    ///
    /// # Errors
    /// When it is damaged or cannot be read.
    pub async fn load_package(&self, route: &Route) -> Result<Package, RegistryError> {
        match self.artifacts.read_package(&route.package_digest).await {
            Ok(package) => Ok(package),
            Err(error) if error.is_damage() => Err(self.quarantine(route, &error).await),
            Err(error) => Err(error.into()),
        }
    }

    /// Where the metadata is.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Where the bytes are.
    pub fn artifacts(&self) -> &Arc<ArtifactStore> {
        &self.artifacts
    }

    pub(crate) fn audit(
        &self,
        actor: &Actor,
        action: &str,
        subject: String,
        details: Value,
    ) -> NewAuditEntry {
        let now = self.clock.now_unix_ms();
        NewAuditEntry {
            id: self.ids.next(now),
            at_unix_ms: now,
            actor_id: actor.id.clone(),
            actor: actor.name.clone(),
            action: action.to_owned(),
            subject,
            details,
        }
    }

    /// Makes a change that was just committed visible to `resolve`. When the routes cannot be read
    /// now, the change stands all the same and the follower makes it visible later.
    pub(crate) async fn show_change(&self) {
        if let Err(error) = self.routing.refresh().await {
            tracing::error!(%error, "a change is committed and not yet visible");
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.follower.abort();
    }
}
