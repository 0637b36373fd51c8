//! What a model's process may take.

use std::num::NonZeroUsize;
use std::time::Duration;

/// What a model's process may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostLimits {
    /// Address space beyond that of the empty process, in bytes. Threads and the allocator reserve
    /// more of it than they use, some 100 MiB each.
    pub memory_bytes: u64,
    /// Longest time to load the model.
    pub load_timeout: Duration,
    /// Longest time of a request; a caller may set a shorter one.
    pub run_timeout: Duration,
    /// Threads of a run; `None` for as many as there are cores.
    pub threads: Option<NonZeroUsize>,
    /// So many failures of the process within the window quarantine the model.
    pub failures_max: usize,
    /// The window.
    pub failures_window: Duration,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 8 << 30,
            load_timeout: Duration::from_mins(2),
            run_timeout: Duration::from_mins(1),
            threads: None,
            failures_max: 5,
            failures_window: Duration::from_mins(10),
        }
    }
}
