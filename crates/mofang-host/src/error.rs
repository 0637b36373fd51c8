//! What can go wrong with a model in a process of its own.

use std::time::Duration;

use mofang_onnx::OnnxError;
use mofang_types::{Coded, ErrorCode};

/// What can go wrong with a model in a process of its own.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The file is refused before any process is started.
    #[error(transparent)]
    Model(#[from] OnnxError),
    /// The engine refused the model or the request; the process lives.
    #[error("{message}")]
    Engine {
        /// What it says.
        message: String,
        /// The code that it gives.
        code: ErrorCode,
    },
    /// The process did not answer in time and was killed.
    #[error("the model did not {action} within {} ms; its process was killed", .after.as_millis())]
    Timeout {
        /// `load` or `answer`.
        action: &'static str,
        /// The time it had.
        after: Duration,
    },
    /// The process died over this request; the next one starts it again.
    #[error("the model's process {how} while it was to {action}")]
    Crashed {
        /// `load` or `answer`.
        action: &'static str,
        /// How it ended, e.g. `ran out of its 1024 MiB of memory`.
        how: String,
    },
    /// Its processes have failed too often.
    #[error(
        "the model is quarantined: its process failed {failures} times, the last time so: {reason}; \
         load it again to try it again"
    )]
    Quarantined {
        /// How often.
        failures: usize,
        /// What happened the last time.
        reason: String,
    },
    /// A value is not one that the model takes.
    #[error("{0}")]
    Input(String),
    /// The model is not what its package says of it.
    #[error("{0}")]
    Configuration(String),
    /// The process cannot be started or spoken to.
    #[error("the model's process cannot be used: {0}")]
    Io(String),
}

impl HostError {
    pub(crate) fn io(what: &str) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.to_owned();
        move |error| Self::Io(format!("{what}: {error}"))
    }
}

impl Coded for HostError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Model(error) => error.code(),
            Self::Engine { code, .. } => *code,
            Self::Timeout { .. } => ErrorCode::Timeout,
            Self::Crashed { .. } | Self::Io(_) => ErrorCode::Internal,
            Self::Input(_) => ErrorCode::InvalidInput,
            Self::Quarantined { .. } | Self::Configuration(_) => ErrorCode::Unavailable,
        }
    }
}
