//! What a model's process may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a model's process may take: the `hosts` section of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostLimits {
    /// Address space beyond that of the empty process, in bytes. Threads and the allocator reserve
    /// more of it than they use, some 100 MiB each.
    pub memory_bytes: u64,
    /// Longest time to load the model.
    #[serde(rename = "load_timeout_ms", with = "millis")]
    pub load_timeout: Duration,
    /// Longest time of a request; a caller may set a shorter one.
    #[serde(rename = "run_timeout_ms", with = "millis")]
    pub run_timeout: Duration,
    /// Threads of a run; 0 for as many as there are cores.
    pub threads: usize,
    /// So many failures of the process within the window quarantine the model.
    pub failures_max: usize,
    /// The window.
    #[serde(rename = "failures_window_ms", with = "millis")]
    pub failures_window: Duration,
    /// Whether it computes with what processes of ordinary priority leave. Of the use that is made
    /// of a model, not of the configuration.
    #[serde(skip)]
    pub background: bool,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 8 << 30,
            load_timeout: Duration::from_mins(2),
            run_timeout: Duration::from_mins(1),
            threads: 0,
            failures_max: 5,
            failures_window: Duration::from_mins(10),
            background: false,
        }
    }
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        u64::try_from(duration.as_millis())
            .unwrap_or(u64::MAX)
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
