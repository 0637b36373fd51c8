//! Numeric asserts and a clock that tests move by hand.

use std::sync::Mutex;
use std::time::Duration;

use crate::{Clock, UnixMillis};

/// Asserts that `|actual - expected| <= tolerance · max(1, |expected|)` for every element.
///
/// # Panics
/// When the lengths differ or an element is further off; the message names the first one.
#[track_caller]
pub fn assert_close(actual: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(actual.len(), expected.len(), "lengths differ");
    for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        let bound = tolerance * expected.abs().max(1.0);
        let difference = (actual - expected).abs();
        assert!(
            difference <= bound,
            "element {index}: {actual} is {difference} from {expected}, more than {bound}"
        );
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<(UnixMillis, Duration)>,
}

impl ManualClock {
    /// A clock at the given wall-clock time.
    pub fn new(now_unix_ms: UnixMillis) -> Self {
        Self {
            now: Mutex::new((now_unix_ms, Duration::ZERO)),
        }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self
            .now
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        now.0 += UnixMillis::try_from(by.as_millis()).unwrap_or(0);
        now.1 += by;
    }
}

impl Clock for ManualClock {
    fn now_unix_ms(&self) -> UnixMillis {
        self.now
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .0
    }

    fn monotonic(&self) -> Duration {
        self.now
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .1
    }
}
