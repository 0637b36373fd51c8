//! Keeping the routes in memory true.

use std::sync::Arc;
use std::time::Duration;

use mofang_store::{Store, StoreError};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use crate::route::RouteTable;

/// How long to wait before asking a store again that failed.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The routes, and what is needed to read them again.
#[derive(Debug)]
pub(crate) struct Routing {
    store: Arc<dyn Store>,
    table: RwLock<Arc<RouteTable>>,
    /// Where the change feed stood when the table was read; `None` before the first time.
    read_at: Mutex<Option<u64>>,
}

impl Routing {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            table: RwLock::default(),
            read_at: Mutex::new(None),
        }
    }

    /// The routes as they are now known.
    pub(crate) fn table(&self) -> Arc<RouteTable> {
        Arc::clone(&self.table.read())
    }

    /// Reads the routes again when the change feed has moved. After it returns, every change that
    /// was committed before the call can be seen.
    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        let mut read_at = self.read_at.lock().await;
        // Taken before reading: a change that comes between is read twice and never missed.
        let position = *self.store.changes().borrow();
        if *read_at == Some(position) {
            return Ok(());
        }
        let table = RouteTable::new(self.store.routes().await?);
        *self.table.write() = Arc::new(table);
        *read_at = Some(position);
        Ok(())
    }

    /// Refreshes whenever the change feed moves, until the store is gone.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut changes = self.store.changes();
        loop {
            if let Err(error) = self.refresh().await {
                tracing::error!(%error, "the routes could not be read; the last known ones stay");
                tokio::time::sleep(RETRY_DELAY).await;
                continue;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}
