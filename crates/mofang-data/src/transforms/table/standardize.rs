//! Numbers of mean 0 and deviation 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `(number − mean) / deviation` of each column, both of the training data.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardize {
    /// Mean and deviation of each column. Found in the training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scales: Option<BTreeMap<String, Scale>>,
}

/// Where numbers are and how far they spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, of the whole population; 1 where there is none.
    pub deviation: f64,
}

impl Scale {
    /// The scale of the numbers that are there.
    pub(crate) fn of(numbers: impl Iterator<Item = f64> + Clone) -> Self {
        let present = || numbers.clone().filter(|number| !number.is_nan());
        let count = present().count().max(1) as f64;
        let mean = present().sum::<f64>() / count;
        let variance = present().map(|number| (number - mean).powi(2)).sum::<f64>() / count;
        // What rounding leaves of a constant column's variance is none.
        let deviation = if variance > (1e-9 * mean).powi(2) {
            variance.sqrt()
        } else {
            1.0
        };
        Self { mean, deviation }
    }

    pub(crate) fn apply(self, number: f64) -> f64 {
        (number - self.mean) / self.deviation
    }
}

impl Standardize {
    /// Finds the scale of a column and applies it.
    pub(crate) fn fit(&mut self, column: &str, numbers: &mut [f64]) {
        let scale = Scale::of(numbers.iter().copied());
        for number in numbers.iter_mut() {
            *number = scale.apply(*number);
        }
        let scales = self.scales.get_or_insert_default();
        scales.insert(column.to_owned(), scale);
    }
}
