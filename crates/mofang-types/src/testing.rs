//! Numeric asserts, a clock that tests move by hand, and where the reference data lie.

use std::path::{Path, PathBuf};
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

/// `relative` below the folder named by `MOFANG_DATA`, or beside the workspace; `None`, with a line
/// that says so, where it is not there.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests find their data by the environment and say when they are skipped"
)]
pub fn reference_data(relative: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("MOFANG_DATA").map_or(beside, PathBuf::from);
    let path = root.join(relative);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no data at {}", path.display());
    None
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
