//! The counters of one version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use mofang_types::{Clock, Coded as _, ErrorCode, ModelName, UnixMillis};
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
    /// When a request was last answered; zero before the first.
    pub last_answer_unix_ms: UnixMillis,
    /// How long requests took that got an answer; each has one item or several.
    pub answered_seconds: HistogramSnapshot,
    /// How long requests took that got an error.
    pub failed_seconds: HistogramSnapshot,
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
    last_answer_unix_ms: AtomicI64,
    answered: Histogram,
    failed: Histogram,
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
            last_answer_unix_ms: AtomicI64::new(0),
            answered: Histogram::of_durations(),
            failed: Histogram::of_durations(),
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

    fn add_failures(&self, code: ErrorCode, items: u64) {
        *self.failures.lock().entry(code.as_str()).or_insert(0) += items;
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
            last_answer_unix_ms: self.last_answer_unix_ms.load(Ordering::Relaxed),
            answered_seconds: self.answered.snapshot(),
            failed_seconds: self.failed.snapshot(),
            queue_seconds: self.queue.snapshot(),
            prepare_seconds: self.prepare.snapshot(),
            infer_seconds: self.infer.snapshot(),
            batch_size: self.batch_size.snapshot(),
        }
    }
}

/// Counts one request from its arrival to its end; dropped without an end, it was cancelled.
#[derive(Debug)]
pub(crate) struct RequestMeter {
    metrics: Arc<VersionMetrics>,
    items: u64,
    started: Duration,
    ended: bool,
}

impl RequestMeter {
    /// A request of that many items comes in.
    pub(crate) fn start(metrics: Arc<VersionMetrics>, items: usize, clock: &dyn Clock) -> Self {
        let items = items as u64;
        metrics.requests.fetch_add(items, Ordering::Relaxed);
        metrics.pending.fetch_add(items, Ordering::Relaxed);
        Self {
            metrics,
            items,
            started: clock.monotonic(),
            ended: false,
        }
    }

    /// The request has its answer.
    pub(crate) fn end<T>(mut self, answer: &Result<T, ServingError>, clock: &dyn Clock) {
        self.ended = true;
        let metrics = &self.metrics;
        let took = clock.monotonic().saturating_sub(self.started);
        match answer {
            Ok(_) => {
                metrics.successes.fetch_add(self.items, Ordering::Relaxed);
                metrics.answered.add_duration(took);
                metrics
                    .last_answer_unix_ms
                    .store(clock.now_unix_ms(), Ordering::Relaxed);
            }
            Err(error) => {
                metrics.failed.add_duration(took);
                metrics.add_failures(error.code(), self.items);
            }
        }
    }
}

impl Drop for RequestMeter {
    fn drop(&mut self) {
        self.metrics
            .pending
            .fetch_sub(self.items, Ordering::Relaxed);
        if !self.ended {
            self.metrics
                .cancelled
                .fetch_add(self.items, Ordering::Relaxed);
        }
    }
}
