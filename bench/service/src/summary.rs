//! What a measurement comes to, as a line of a Markdown table.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;

/// The head of the table.
pub(crate) const HEADER: &str = "| connections | requests | requests/s | p50 µs | p99 µs | max µs |\n| ---: | ---: | ---: | ---: | ---: | ---: |";

/// What a measurement comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    connections: usize,
    requests: usize,
    per_second: f64,
    p50: Duration,
    p99: Duration,
    max: Duration,
}

impl Summary {
    /// # Errors
    /// When nothing was measured.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of requests is far below 2^53"
    )]
    pub(crate) fn new(
        connections: usize,
        mut latencies: Vec<Duration>,
        took: Duration,
    ) -> anyhow::Result<Self> {
        latencies.sort_unstable();
        Ok(Self {
            connections,
            requests: latencies.len(),
            per_second: latencies.len() as f64 / took.as_secs_f64(),
            p50: percentile(&latencies, 50).context("nothing was measured")?,
            p99: percentile(&latencies, 99).context("nothing was measured")?,
            max: percentile(&latencies, 100).context("nothing was measured")?,
        })
    }
}

/// The smallest value that at least `percent` of all values do not exceed (nearest rank).
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| {} | {} | {:.0} | {} | {} | {} |",
            self.connections,
            self.requests,
            self.per_second,
            self.p50.as_micros(),
            self.p99.as_micros(),
            self.max.as_micros()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values: Vec<Duration> = (1..=200).map(Duration::from_micros).collect();
        for (percent, expected) in [(50, 100), (99, 198), (100, 200), (0, 1)] {
            let found = percentile(&values, percent);
            assert_eq!(found, Some(Duration::from_micros(expected)), "{percent}");
        }
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&values[..1], 99), Some(Duration::from_micros(1)));
    }
}
