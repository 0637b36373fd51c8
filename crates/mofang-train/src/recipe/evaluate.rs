//! `[evaluate]`: how the result is judged.

use std::collections::BTreeMap;

use mofang_types::Task;
use serde::{Deserialize, Serialize};

use super::RecipeError;
use crate::metrics;

/// How the result is judged, on the test split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateSection {
    /// Examples that go through the model together.
    pub batch_size: usize,
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
            gate: BTreeMap::new(),
            most_confused: 24,
        }
    }
}

/// The most mistakes that a report shows.
const MOST_CONFUSED_MAX: usize = 200;

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
