//! `[evaluate]`: how the result is judged.

use std::collections::BTreeMap;

use mofang_types::Task;
use serde::{Deserialize, Serialize};

use super::RecipeError;
use crate::bootstrap::{RESAMPLES_MIN, RESAMPLES_USUAL};
use crate::metrics;

/// How the result is judged, on the test split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateSection {
    /// Examples that go through the model together.
    pub batch_size: usize,
    /// Most resamples of the examples that the intervals around metrics are made of, 0 for no intervals. The
    /// usual number is not written, so that the digests of older recipes stay.
    #[serde(skip_serializing_if = "is_usual")]
    pub bootstrap: usize,
    /// The value that each of these metrics must reach before the run is published on its own: at
    /// least, or, where less is better, at most.
    pub gate: BTreeMap<String, f64>,
    /// How many of the surest mistakes the report shows.
    pub most_confused: usize,
}

impl Default for EvaluateSection {
    fn default() -> Self {
        Self {
            batch_size: 256,
            bootstrap: RESAMPLES_USUAL,
            gate: BTreeMap::new(),
            most_confused: 24,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_usual(resamples: &usize) -> bool {
    *resamples == RESAMPLES_USUAL
}

/// The most mistakes that a report shows.
const MOST_CONFUSED_MAX: usize = 200;

/// Most resamples.
const RESAMPLES_MAX: usize = 100_000;

impl EvaluateSection {
    pub(super) fn check(&self, task: Task) -> Result<(), RecipeError> {
        if self.batch_size == 0 {
            return Err(RecipeError::invalid(
                "evaluate",
                "batch_size must be at least 1",
            ));
        }
        if self.most_confused > MOST_CONFUSED_MAX {
            return Err(RecipeError::invalid(
                "evaluate",
                format!("most_confused is above {MOST_CONFUSED_MAX}"),
            ));
        }
        if self.bootstrap != 0 && !(RESAMPLES_MIN..=RESAMPLES_MAX).contains(&self.bootstrap) {
            return Err(RecipeError::invalid(
                "evaluate",
                format!(
                    "bootstrap = {} is neither 0 nor from {RESAMPLES_MIN} to {RESAMPLES_MAX}",
                    self.bootstrap
                ),
            ));
        }
        for (name, bound) in &self.gate {
            metrics::find_value_for(name, task)
                .map_err(|hint| RecipeError::invalid("evaluate.gate", hint))?;
            if !bound.is_finite() {
                return Err(RecipeError::invalid(
                    "evaluate.gate",
                    format!("{name} is not finite"),
                ));
            }
        }
        Ok(())
    }
}
