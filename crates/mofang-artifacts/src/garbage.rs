//! Removing what nothing names any more.

use std::collections::BTreeSet;
use std::time::Duration;

use fail::fail_point;
use mofang_types::{ArtifactDigest, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::{ArtifactError, ArtifactStore, staging};

/// What a collection of garbage did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GarbageReport {
    /// Blobs that are in use, or too young to be judged.
    pub kept: u64,
    /// Blobs that were removed.
    pub removed: u64,
    /// Their size.
    pub removed_bytes: u64,
    /// Files of interrupted writes that were removed.
    pub interrupted_writes_removed: u64,
    /// Packages in use whose manifest cannot be read. Which files they need is not known, so no
    /// blob is removed until these are restored, or the versions that name them deleted.
    pub unreadable_packages: Vec<ArtifactDigest>,
}

impl ArtifactStore {
    /// Removes every blob that no package of `live_packages` needs and that was last written more
    /// than `grace` before `now_unix_ms`, and the files of interrupted writes as old as that.
    ///
    /// The grace period protects what a publish has written and not yet named; it must be longer
    /// than a publish can take, unless the caller keeps publishes away meanwhile.
    ///
    /// # Errors
    /// When the store fails; what was removed until then was garbage.
    pub async fn collect_garbage(
        &self,
        live_packages: &BTreeSet<ArtifactDigest>,
        grace: Duration,
        now_unix_ms: UnixMillis,
    ) -> Result<GarbageReport, ArtifactError> {
        let grace_ms = UnixMillis::try_from(grace.as_millis()).unwrap_or(UnixMillis::MAX);
        let before = now_unix_ms.saturating_sub(grace_ms);
        let mut report = GarbageReport {
            interrupted_writes_removed: self.sweep_staging(before).await?,
            ..GarbageReport::default()
        };
        let mut live = BTreeSet::new();
        for package in live_packages {
            live.insert(*package);
            match self.read_manifest(package).await {
                Ok(manifest) => live.extend(manifest.files.iter().map(|file| file.digest)),
                Err(error @ ArtifactError::Backend { .. }) => return Err(error),
                Err(_) => report.unreadable_packages.push(*package),
            }
        }
        let is_garbage = |artifact: &crate::ListedArtifact| {
            !live.contains(&artifact.digest) && artifact.modified_unix_ms <= before
        };
        for artifact in self.list().await? {
            if !report.unreadable_packages.is_empty() || !is_garbage(&artifact) {
                report.kept += 1;
                continue;
            }
            fail_point!("garbage::delete::before");
            self.delete(&artifact.digest).await?;
            fail_point!("garbage::delete::after");
            report.removed += 1;
            report.removed_bytes += artifact.size_bytes;
        }
        for artifact in self.list_quarantined().await? {
            if is_garbage(&artifact) {
                self.delete_quarantined(&artifact.digest).await?;
                report.removed += 1;
                report.removed_bytes += artifact.size_bytes;
            }
        }
        Ok(report)
    }

    async fn sweep_staging(&self, before: UnixMillis) -> Result<u64, ArtifactError> {
        let Some(folder) = self.folder().map(std::path::Path::to_owned) else {
            return Ok(0);
        };
        let fail = "remove the files of interrupted writes";
        tokio::task::spawn_blocking(move || staging::sweep(&folder, before))
            .await
            .map_err(|error| ArtifactError::backend(fail, error))?
            .map_err(|error| ArtifactError::backend(fail, error))
    }
}
