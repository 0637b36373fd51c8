//! Numbers for what is missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::quantile;

/// Puts a number where none is, and says in a column of its own that none was. Categories need none of
/// it: what is missing is a category too. Without this step numbers stay missing, which only trees take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Impute {
    /// Which number.
    #[serde(default)]
    pub with: Fill,
    /// Whether a column of 0 and 1 is added for each in which the training data miss a number.
    #[serde(default = "yes")]
    pub indicator: bool,
    /// The number of each column. Found in the training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<BTreeMap<String, f64>>,
    /// The columns that have a column of 0 and 1. Found in the training data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indicators: Vec<String>,
}

/// The number that is put where none is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// The mean of the column.
    Mean,
    /// The median of the column.
    #[default]
    Median,
    /// Zero.
    Zero,
}

fn yes() -> bool {
    true
}

impl Impute {
    /// Finds the number of a column and fills it in; NaN is what is missing.
    pub(crate) fn fit(&mut self, column: &str, numbers: &mut [f64]) {
        let present = super::sorted(numbers);
        let value = match self.with {
            Fill::Zero => 0.0,
            Fill::Median => quantile(&present, 0.5).unwrap_or(0.0),
            Fill::Mean => present.iter().sum::<f64>() / present.len().max(1) as f64,
        };
        if self.indicator && present.len() < numbers.len() {
            self.indicators.push(column.to_owned());
        }
        for number in numbers.iter_mut().filter(|number| number.is_nan()) {
            *number = value;
        }
        let values = self.values.get_or_insert_default();
        values.insert(column.to_owned(), value);
    }
}
