//! Why there is no prediction.

use std::sync::Arc;
use std::time::Duration;

use mofang_types::{Coded, ErrorCode, ModelName};

/// An error of a lower crate that several callers may have to be told of.
pub type SharedError = Arc<dyn Coded + Send + Sync>;

/// Why there is no prediction. Cheap to clone: one failed load or batch answers many callers.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ServingError {
    /// The registry, the pipeline or the model refused; the code is the cause's own.
    #[error(transparent)]
    Refused(SharedError),
    /// Every place in the queue is taken.
    #[error("{what} is full ({capacity} waiting); try again in {} s", retry_after.as_secs())]
    Overloaded {
        /// What is full, e.g. `the queue of digits@3`.
        what: String,
        /// How many places there are.
        capacity: usize,
        /// When it is likely to have room; whole seconds, at least one.
        retry_after: Duration,
    },
    /// One request has more items than the queue has places: it can never succeed.
    #[error(
        "the request has {count} inputs and the queue of {model} has {capacity} places; send fewer at once, or raise serving.queue_capacity"
    )]
    TooManyItems {
        /// The version.
        model: String,
        /// How many items the request has.
        count: usize,
        /// How many places there are.
        capacity: usize,
    },
    /// The request asks for a longer text than the server goes on with.
    #[error(
        "max_tokens = {asked} is more than the {max} tokens that this server goes on with; ask for fewer, or raise serving.max_generation_tokens"
    )]
    TooManyTokens {
        /// How many tokens were asked for.
        asked: usize,
        /// How many there may be.
        max: usize,
    },
    /// The model goes on with no texts.
    #[error(
        "{model} goes on with no texts, as a model of text-generation does; ask it with predict"
    )]
    NoLanguageModel {
        /// The version.
        model: String,
    },
    /// Somebody unloaded the model on purpose.
    #[error(
        "the model \"{model}\" is unloaded; load it with POST /v2/repository/models/{model}/load"
    )]
    Unloaded {
        /// The model.
        model: ModelName,
    },
    /// No memory is left for this version, because every loaded one is in use.
    #[error("no room to load {model}: every loaded version is in use; try again in {} s", retry_after.as_secs())]
    PoolFull {
        /// The version that was to be loaded.
        model: String,
        /// When to try again; whole seconds, at least one.
        retry_after: Duration,
    },
    /// The version alone is larger than the memory budget.
    #[error(
        "{model} needs {size_bytes} bytes of memory, more than the budget of {budget_bytes}; raise serving.memory_budget_bytes"
    )]
    TooLarge {
        /// The version.
        model: String,
        /// What it needs.
        size_bytes: u64,
        /// What all loaded versions together may take.
        budget_bytes: u64,
    },
    /// The deadline passed before the answer was there; nothing is computed after it.
    #[error("the deadline of {} ms passed before {model} had answered", limit.as_millis())]
    DeadlineExceeded {
        /// The reference or version that was asked.
        model: String,
        /// How long the answer might have taken.
        limit: Duration,
    },
    /// The server is draining.
    #[error("the server is shutting down")]
    Closing,
    /// The model panicked; the process lives on.
    #[error("{model} panicked while computing: {message}")]
    Panicked {
        /// The version.
        model: String,
        /// What it said, for the log.
        message: String,
    },
    /// A defect on our side.
    #[error("{model}: {message}")]
    Internal {
        /// The version.
        model: String,
        /// What went wrong, for the log.
        message: String,
    },
}

impl ServingError {
    /// Wraps an error of a lower crate.
    pub fn refused(error: impl Coded + Send + Sync + 'static) -> Self {
        Self::Refused(Arc::new(error))
    }

    /// When a caller that was refused for lack of room may come back; whole seconds, at least one.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after, .. } | Self::PoolFull { retry_after, .. } => {
                Some(*retry_after)
            }
            Self::Closing => Some(Duration::from_secs(1)),
            Self::Refused(_)
            | Self::TooManyItems { .. }
            | Self::TooManyTokens { .. }
            | Self::NoLanguageModel { .. }
            | Self::Unloaded { .. }
            | Self::TooLarge { .. }
            | Self::DeadlineExceeded { .. }
            | Self::Panicked { .. }
            | Self::Internal { .. } => None,
        }
    }
}

impl Coded for ServingError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(error) => error.code(),
            Self::Overloaded { .. } | Self::PoolFull { .. } => ErrorCode::Overloaded,
            Self::TooManyItems { .. }
            | Self::TooManyTokens { .. }
            | Self::NoLanguageModel { .. } => ErrorCode::InvalidInput,
            Self::TooLarge { .. } | Self::Unloaded { .. } | Self::Closing => ErrorCode::Unavailable,
            Self::DeadlineExceeded { .. } => ErrorCode::Timeout,
            Self::Panicked { .. } | Self::Internal { .. } => ErrorCode::Internal,
        }
    }

    fn parameter(&self) -> Option<&'static str> {
        match self {
            Self::Refused(error) => error.parameter(),
            Self::TooManyTokens { .. } => Some("max_tokens"),
            Self::NoLanguageModel { .. } | Self::Unloaded { .. } => Some("model"),
            Self::Overloaded { .. }
            | Self::TooManyItems { .. }
            | Self::PoolFull { .. }
            | Self::TooLarge { .. }
            | Self::DeadlineExceeded { .. }
            | Self::Closing
            | Self::Panicked { .. }
            | Self::Internal { .. } => None,
        }
    }
}

/// The text of a caught panic.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
