//! Step decay.

use serde::{Deserialize, Serialize};

use super::Span;

/// Multiplied by `factor` every `every_epochs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Over how many epochs the rate rises to its full value, in a straight line.
    #[serde(default)]
    pub warmup_epochs: f64,
    /// The length of a stair, counted from the first step.
    pub every_epochs: f64,
    /// What the rate is multiplied by at each stair.
    pub factor: f64,
}

impl Step {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(self.every_epochs > 0.0 && self.every_epochs.is_finite()) {
            return Err(format!(
                "every_epochs = {} is not above 0",
                self.every_epochs
            ));
        }
        if self.factor > 0.0 && self.factor <= 1.0 {
            Ok(())
        } else {
            Err(format!("factor = {} is not in (0, 1]", self.factor))
        }
    }

    pub(super) fn factor(&self, position: f64, span: Span) -> f64 {
        let stairs = (position / (self.every_epochs * span.steps_per_epoch as f64)).floor();
        self.factor.powf(stairs)
    }
}
