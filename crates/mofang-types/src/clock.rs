//! Time as a parameter: nothing else in the house reads a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z, the one form in which times are stored.
pub type UnixMillis = i64;

/// A source of time. Wall-clock time for records, monotonic time for durations and deadlines.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The wall-clock time in milliseconds since the Unix epoch.
    fn now_unix_ms(&self) -> UnixMillis;

    /// Time since an arbitrary fixed point, which never goes backwards.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the system's clock enters"
    )]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the system's clock enters"
    )]
    fn now_unix_ms(&self) -> UnixMillis {
        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixMillis::try_from(elapsed.as_millis()).unwrap_or(UnixMillis::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
