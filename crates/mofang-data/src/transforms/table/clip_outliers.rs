//! Numbers far out are brought in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{check_share, quantile};
use crate::DataError;

/// Brings numbers below a low quantile of the training data up to it, and those above a high one down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipOutliers {
    /// The low quantile.
    #[serde(default = "lower")]
    pub lower: f64,
    /// The high quantile.
    #[serde(default = "upper")]
    pub upper: f64,
    /// The bounds of each column. Found in the training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<BTreeMap<String, Bounds>>,
}

/// Between what the numbers of a column stay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The least number.
    pub lower: f64,
    /// The greatest number.
    pub upper: f64,
}

fn lower() -> f64 {
    0.001
}

fn upper() -> f64 {
    0.999
}

impl ClipOutliers {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        check_share("clip_outliers", "lower", self.lower)?;
        check_share("clip_outliers", "upper", self.upper)?;
        if self.lower < self.upper {
            return Ok(());
        }
        Err(DataError::InvalidPipeline(
            "`clip_outliers`: lower is not below upper".to_owned(),
        ))
    }

    /// Finds the bounds of a column by its numbers, sorted, and clips them.
    pub(crate) fn fit(&mut self, column: &str, numbers: &mut [f64]) {
        let sorted = super::sorted(numbers);
        let bounds = Bounds {
            lower: quantile(&sorted, self.lower).unwrap_or(0.0),
            upper: quantile(&sorted, self.upper).unwrap_or(0.0),
        };
        for number in numbers.iter_mut().filter(|number| !number.is_nan()) {
            *number = bounds.clip(*number);
        }
        let all = self.bounds.get_or_insert_default();
        all.insert(column.to_owned(), bounds);
    }
}

impl Bounds {
    pub(crate) fn clip(self, number: f64) -> f64 {
        number.max(self.lower).min(self.upper)
    }
}
