//! The same rate throughout.

use serde::{Deserialize, Serialize};

/// The same rate at every step after the warm-up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Constant {
    /// Over how many epochs the rate rises to its full value, in a straight line.
    pub warmup_epochs: f64,
}
