//! Why a run ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum StopReason {
    /// All epochs are done.
    Epochs {
        /// How many.
        epochs: u64,
    },
    /// All steps are done.
    Steps {
        /// How many.
        steps: u64,
    },
    /// The time is up.
    Seconds {
        /// How many there were.
        seconds: f64,
    },
    /// The validation split reached the target.
    Target {
        /// The metric.
        metric: String,
        /// What it reached.
        value: f64,
    },
    /// The monitored metric did not improve any more.
    Patience {
        /// For how many epochs.
        epochs: u64,
    },
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epochs { epochs } => write!(f, "{epochs} epochs are done"),
            Self::Steps { steps } => write!(f, "{steps} steps are done"),
            Self::Seconds { seconds } => write!(f, "{seconds} seconds are over"),
            Self::Target { metric, value } => {
                write!(
                    f,
                    "the target is reached: {metric} {value:.4} on the validation split"
                )
            }
            Self::Patience { epochs } => write!(f, "no improvement for {epochs} epochs"),
        }
    }
}
