//! Cosine annealing: Loshchilov and Hutter 2016, <https://arxiv.org/abs/1608.03983>, equation 5, without restarts.

use serde::{Deserialize, Serialize};

use super::Span;

/// Half a cosine from the full rate down to a minimum at the last step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cosine {
    /// Over how many epochs the rate rises to its full value, in a straight line.
    pub warmup_epochs: f64,
    /// The lowest rate, as a share of the full one.
    pub minimum_factor: f64,
}

impl Cosine {
    pub(super) fn check(&self, has_end: bool) -> Result<(), String> {
        if !has_end {
            return Err(
                "a cosine needs to know where it ends: give [train.stop] epochs or steps"
                    .to_owned(),
            );
        }
        if (0.0..=1.0).contains(&self.minimum_factor) {
            Ok(())
        } else {
            Err(format!(
                "minimum_factor = {} is not in [0, 1]",
                self.minimum_factor
            ))
        }
    }

    pub(super) fn factor(&self, position: f64, warmup_steps: f64, span: Span) -> f64 {
        let length = span.steps_total.unwrap_or(0) as f64 - warmup_steps;
        let done = if length > 0.0 {
            ((position - warmup_steps) / length).min(1.0)
        } else {
            1.0
        };
        let wave = f64::midpoint(1.0, (std::f64::consts::PI * done).cos());
        self.minimum_factor + (1.0 - self.minimum_factor) * wave
    }
}
