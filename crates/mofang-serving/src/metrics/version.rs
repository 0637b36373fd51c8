//! The counters of one version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mofang_types::{Coded as _, ErrorCode, ModelName};
use parking_lot::Mutex;

use super::histogram::{Histogram, HistogramSnapshot};
use crate::ServingError;

/// The counters of one version at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionMetricsSnapshot {
    /// The model.
    pub model: ModelName,
    /// The number of the version.
    pub version: u32,
    /// Items that were asked for.
    pub requests: u64,
    /// Items that were answered with a prediction.
    pub successes: u64,
    /// Items that were answered with an error, by its code.
    pub failures: BTreeMap<&'static str, u64>,
    /// Items whose caller left before there was an answer.
    pub cancelled: u64,
    /// Items that left the queue without being computed, because their caller had left or their
    /// deadline had passed.
    pub dropped_unrun: u64,
    /// Items that are inside now.
    pub pending: u64,
    /// How long items waited for their batch.
    pub queue_seconds: HistogramSnapshot,
    /// How long preparing an item took, waiting for a place included.
    pub prepare_seconds: HistogramSnapshot,
    /// How long computing a batch took.
    pub infer_seconds: HistogramSnapshot,
    /// How many items were computed together.
    pub batch_size: HistogramSnapshot,
}

/// The counters of one version.
#[derive(Debug)]
pub(crate) struct VersionMetrics {
    model: ModelName,
    number: u32,
    requests: AtomicU64,
    successes: AtomicU64,
    failures: Mutex<BTreeMap<&'static str, u64>>,
    cancelled: AtomicU64,
    dropped_unrun: AtomicU64,
    pending: AtomicU64,
    queue: Histogram,
    prepare: Histogram,
    infer: Histogram,
    batch_size: Histogram,
}

impl VersionMetrics {
    pub(crate) fn new(model: ModelName, number: u32) -> Self {
        Self {
            model,
            number,
            requests: AtomicU64::new(0),
            successes: AtomicU64::new(0),
            failures: Mutex::new(BTreeMap::new()),
            cancelled: AtomicU64::new(0),
            dropped_unrun: AtomicU64::new(0),
            pending: AtomicU64::new(0),
            queue: Histogram::of_durations(),
            prepare: Histogram::of_durations(),
            infer: Histogram::of_durations(),
            batch_size: Histogram::of_sizes(),
        }
    }

    pub(crate) fn add_prepared(&self, took: Duration) {
        self.prepare.add_duration(took);
    }

    pub(crate) fn add_queued(&self, waited: Duration) {
        self.queue.add_duration(waited);
    }

    pub(crate) fn add_batch(&self, size: usize, took: Duration) {
        self.infer.add_duration(took);
        self.batch_size.add(u64::try_from(size).unwrap_or(u64::MAX));
    }

    pub(crate) fn add_dropped_unrun(&self) {
        self.dropped_unrun.fetch_add(1, Ordering::Relaxed);
    }

    fn add_failure(&self, code: ErrorCode) {
        *self.failures.lock().entry(code.as_str()).or_insert(0) += 1;
    }

    pub(crate) fn snapshot(&self) -> VersionMetricsSnapshot {
        VersionMetricsSnapshot {
            model: self.model.clone(),
            version: self.number,
            requests: self.requests.load(Ordering::Relaxed),
            successes: self.successes.load(Ordering::Relaxed),
            failures: self.failures.lock().clone(),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            dropped_unrun: self.dropped_unrun.load(Ordering::Relaxed),
            pending: self.pending.load(Ordering::Relaxed),
            queue_seconds: self.queue.snapshot(),
            prepare_seconds: self.prepare.snapshot(),
            infer_seconds: self.infer.snapshot(),
            batch_size: self.batch_size.snapshot(),
        }
    }
}

/// Counts one item from its arrival to its end; dropped without an end, it was cancelled.
#[derive(Debug)]
pub(crate) struct RequestMeter {
    metrics: Arc<VersionMetrics>,
    ended: bool,
}

impl RequestMeter {
    pub(crate) fn start(metrics: Arc<VersionMetrics>) -> Self {
        metrics.requests.fetch_add(1, Ordering::Relaxed);
        metrics.pending.fetch_add(1, Ordering::Relaxed);
        Self {
            metrics,
            ended: false,
        }
    }

    /// The item has its answer.
    pub(crate) fn end<T>(mut self, answer: &Result<T, ServingError>) {
        self.ended = true;
        match answer {
            Ok(_) => {
                self.metrics.successes.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => self.metrics.add_failure(error.code()),
        }
    }
}

impl Drop for RequestMeter {
    fn drop(&mut self) {
        self.metrics.pending.fetch_sub(1, Ordering::Relaxed);
        if !self.ended {
            self.metrics.cancelled.fetch_add(1, Ordering::Relaxed);
        }
    }
}
