//! Histograms with fixed bounds that any thread adds to without a lock.

#![expect(
    clippy::cast_precision_loss,
    reason = "sums of nanoseconds are shown as seconds; 53 bits are 104 days"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bounds for durations, in nanoseconds: 10 µs to 10 s.
pub(crate) const DURATION_BOUNDS: &[u64] = &[
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
    10_000_000_000,
];

/// Bounds for sizes of batches.
pub(crate) const SIZE_BOUNDS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128];

/// A histogram at one moment, in the form of Prometheus.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSnapshot {
    /// The upper bounds, inclusive; seconds for durations. The last bucket, +∞, is `count`.
    pub bounds: Vec<f64>,
    /// How many values were at most the bound of the same place.
    pub cumulative: Vec<u64>,
    /// The sum of all values.
    pub sum: f64,
    /// How many values there were.
    pub count: u64,
}

/// Counts of values by size.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// What a value of one is in the snapshot's unit.
    unit: f64,
    buckets: Vec<AtomicU64>,
    sum: AtomicU64,
}

impl Histogram {
    /// A histogram of durations, shown in seconds.
    pub(crate) fn of_durations() -> Self {
        Self::new(DURATION_BOUNDS, 1e-9)
    }

    /// A histogram of sizes of batches.
    pub(crate) fn of_sizes() -> Self {
        Self::new(SIZE_BOUNDS, 1.0)
    }

    fn new(bounds: &'static [u64], unit: f64) -> Self {
        Self {
            bounds,
            unit,
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Adds a value.
    pub(crate) fn add(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Adds a duration.
    pub(crate) fn add_duration(&self, duration: Duration) {
        self.add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn snapshot(&self) -> HistogramSnapshot {
        let mut count = 0;
        let mut cumulative: Vec<u64> = self
            .buckets
            .iter()
            .map(|bucket| {
                count += bucket.load(Ordering::Relaxed);
                count
            })
            .collect();
        cumulative.truncate(self.bounds.len());
        HistogramSnapshot {
            bounds: self
                .bounds
                .iter()
                .map(|bound| *bound as f64 * self.unit)
                .collect(),
            cumulative,
            sum: self.sum.load(Ordering::Relaxed) as f64 * self.unit,
            count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_belongs_below_it() {
        let histogram = Histogram::of_sizes();
        for value in [1, 2, 3, 32, 200] {
            histogram.add(value);
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.cumulative, [1, 2, 3, 3, 3, 4, 4, 4]);
        assert_eq!(snapshot.count, 5);
        assert!((snapshot.sum - 238.0).abs() < 1e-9);
    }

    #[test]
    fn durations_are_shown_in_seconds() {
        let histogram = Histogram::of_durations();
        histogram.add_duration(Duration::from_millis(2));
        let snapshot = histogram.snapshot();
        assert!((snapshot.sum - 0.002).abs() < 1e-12);
        assert!((snapshot.bounds[0] - 1e-5).abs() < 1e-15);
        assert_eq!(snapshot.cumulative[6], 0);
        assert_eq!(snapshot.cumulative[7], 1);
    }
}
