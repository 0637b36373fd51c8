//! The system's clock, which tests can push forward.

use std::time::Duration;

use mofang_types::{Clock, SystemClock, UnixMillis};
use parking_lot::Mutex;

/// Runs like the system's clock, plus whatever it was pushed by.
#[derive(Debug, Default)]
pub struct TestClock {
    system: SystemClock,
    pushed: Mutex<Duration>,
}

impl TestClock {
    /// A clock that shows the system's time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        *self.pushed.lock() += by;
    }
}

impl Clock for TestClock {
    fn now_unix_ms(&self) -> UnixMillis {
        let pushed = UnixMillis::try_from(self.pushed.lock().as_millis()).unwrap_or(0);
        self.system.now_unix_ms() + pushed
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic() + *self.pushed.lock()
    }
}
