//! The `serving` section of the configuration.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much memory, time and patience serving has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServingSettings {
    /// The memory that all loaded versions together may take, as their runtimes report it.
    pub memory_budget_bytes: u64,
    /// How many versions may be loaded at once; each has a thread of its own.
    pub loaded_versions_max: usize,
    /// How many versions are loaded side by side; each may exceed the budget until it is admitted.
    pub concurrent_loads: usize,
    /// The most items that are computed together.
    pub max_batch_size: usize,
    /// How long the first item of a batch waits for company. Zero computes what is there at once.
    #[serde(rename = "max_queue_delay_us", with = "micros")]
    pub max_queue_delay: Duration,
    /// How many items may wait for one version; the next one is refused with a time to come back.
    pub queue_capacity: usize,
    /// How many encoded images are decoded at once, for all versions together.
    pub concurrent_preparations: usize,
    /// How many encoded images may wait to be decoded.
    pub preparation_capacity: usize,
    /// How many texts go on at once, for all versions together; each keeps a core busy.
    pub concurrent_generations: usize,
    /// How many texts may wait to go on; the next one is refused with a time to come back.
    pub generation_capacity: usize,
    /// The most tokens with which a text goes on; a request that asks for more is refused.
    pub max_generation_tokens: usize,
    /// The deadline of a request that names none.
    #[serde(rename = "default_deadline_ms", with = "millis")]
    pub default_deadline: Duration,
    /// The longest deadline that a request may name; longer ones are cut to it.
    #[serde(rename = "deadline_max_ms", with = "millis")]
    pub deadline_max: Duration,
}

impl Default for ServingSettings {
    fn default() -> Self {
        Self {
            memory_budget_bytes: 2 << 30,
            loaded_versions_max: 64,
            concurrent_loads: 2,
            max_batch_size: 32,
            max_queue_delay: Duration::ZERO,
            queue_capacity: 512,
            concurrent_preparations: cores(),
            preparation_capacity: 256,
            concurrent_generations: cores(),
            generation_capacity: 64,
            max_generation_tokens: 4096,
            default_deadline: Duration::from_secs(30),
            deadline_max: Duration::from_mins(5),
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

impl ServingSettings {
    /// The same with every count at least one, so that no setting can make serving stand still.
    pub(crate) fn clamped(mut self) -> Self {
        for count in [
            &mut self.loaded_versions_max,
            &mut self.concurrent_loads,
            &mut self.max_batch_size,
            &mut self.queue_capacity,
            &mut self.concurrent_preparations,
            &mut self.preparation_capacity,
            &mut self.concurrent_generations,
            &mut self.generation_capacity,
            &mut self.max_generation_tokens,
        ] {
            *count = (*count).max(1);
        }
        self
    }
}

macro_rules! integer_duration {
    ($module:ident, $from:ident, $into:ident) => {
        mod $module {
            use std::time::Duration;

            use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

            pub(super) fn serialize<S: Serializer>(
                duration: &Duration,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                u64::try_from(duration.$into())
                    .unwrap_or(u64::MAX)
                    .serialize(serializer)
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Duration, D::Error> {
                u64::deserialize(deserializer).map(Duration::$from)
            }
        }
    };
}

integer_duration!(micros, from_micros, as_micros);
integer_duration!(millis, from_millis, as_millis);
