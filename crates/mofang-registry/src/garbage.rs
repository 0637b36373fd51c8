//! Removing the bytes that no version names.

use std::time::Duration;

use mofang_artifacts::GarbageReport;

use crate::{Registry, RegistryError};

impl Registry {
    /// Removes every artifact that no version needs and that is older than `grace`. Publishes of
    /// this process wait meanwhile; `grace` covers those of others that share the artifacts.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn collect_garbage(&self, grace: Duration) -> Result<GarbageReport, RegistryError> {
        let _publishing = self.publishing.write().await;
        let live = self.store.live_package_digests().await?;
        let report = self
            .artifacts
            .collect_garbage(&live, grace, self.clock.now_unix_ms())
            .await?;
        tracing::info!(
            artifacts.kept = report.kept,
            artifacts.removed = report.removed,
            artifacts.removed_bytes = report.removed_bytes,
            "garbage was collected"
        );
        Ok(report)
    }
}
