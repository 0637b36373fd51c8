//! What serving counts: per version, in memory, read as a snapshot.

mod histogram;
mod version;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mofang_registry::Route;
use parking_lot::RwLock;

pub use self::histogram::HistogramSnapshot;
pub use self::version::VersionMetricsSnapshot;
pub(crate) use self::version::{RequestMeter, VersionMetrics};

/// Everything that is counted, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ServingMetrics {
    /// One entry per version that was ever asked, by name and number.
    pub versions: Vec<VersionMetricsSnapshot>,
    /// How many versions are loaded.
    pub loaded_versions: usize,
    /// The memory that they take.
    pub loaded_bytes: u64,
    /// How many versions were loaded since the start.
    pub loads: u64,
    /// How many loads failed.
    pub load_failures: u64,
    /// How many versions were unloaded to make room.
    pub unloads: u64,
    /// How many requests named no version that can be used.
    pub unresolved: u64,
    /// How many requests are inside now.
    pub in_flight: usize,
}

/// The counters, shared by all who count.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    versions: RwLock<HashMap<String, Arc<VersionMetrics>>>,
    unresolved: AtomicU64,
}

impl Metrics {
    /// The counters of a version, made when it is first asked.
    pub(crate) fn version(&self, route: &Route) -> Arc<VersionMetrics> {
        if let Some(metrics) = self.versions.read().get(&route.version_id) {
            return Arc::clone(metrics);
        }
        let mut versions = self.versions.write();
        let metrics = versions
            .entry(route.version_id.clone())
            .or_insert_with(|| Arc::new(VersionMetrics::new(route.model.clone(), route.number)));
        Arc::clone(metrics)
    }

    /// Counts a request that named nothing usable.
    pub(crate) fn count_unresolved(&self) {
        self.unresolved.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unresolved(&self) -> u64 {
        self.unresolved.load(Ordering::Relaxed)
    }

    /// The counters of every version, by name and number.
    pub(crate) fn snapshot(&self) -> Vec<VersionMetricsSnapshot> {
        let mut versions: Vec<_> = self
            .versions
            .read()
            .values()
            .map(|metrics| metrics.snapshot())
            .collect();
        versions.sort_by(|a, b| (&a.model, a.version).cmp(&(&b.model, b.version)));
        versions
    }
}
