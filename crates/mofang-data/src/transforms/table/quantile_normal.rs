//! Numbers in a normal distribution, whatever theirs is.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::normal::inverse_normal;
use super::quantile;
use crate::DataError;

/// Shares nearer to 0 or 1 than this are taken as this, so that the largest number becomes about 3.3.
const SHARE_MIN: f64 = 5e-4;

/// Replaces each number by the normal quantile of its rank among the training data, as scikit-learn's
/// `QuantileTransformer(output_distribution="normal")` does between the ends; there that one gives ±5.2,
/// even to a smallest number that half of the rows have. It takes the place of `standardize`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantileNormal {
    /// How many quantiles are kept; fewer where there are fewer numbers.
    #[serde(default = "count")]
    pub quantiles: usize,
    /// The quantiles of each column, ascending. Found in the training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<BTreeMap<String, Vec<f64>>>,
}

fn count() -> usize {
    1_000
}

impl QuantileNormal {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        if !(2..=100_000).contains(&self.quantiles) {
            return Err(DataError::InvalidPipeline(format!(
                "`quantile_normal`: quantiles = {} is not in 2..=100000",
                self.quantiles
            )));
        }
        // Numbers are brought between the first and the last.
        let descends = |references: &[f64]| {
            let ends = references.first().zip(references.last());
            ends.is_some_and(|(first, last)| first.partial_cmp(last).is_none_or(Ordering::is_gt))
        };
        let mut columns = self.references.iter().flatten();
        match columns.find(|(_, references)| descends(references)) {
            Some((column, _)) => Err(DataError::InvalidPipeline(format!(
                "`quantile_normal`: the references of \"{column}\" do not ascend"
            ))),
            None => Ok(()),
        }
    }

    /// Finds the quantiles of a column and replaces its numbers.
    pub(crate) fn fit(&mut self, column: &str, numbers: &mut [f64]) {
        let sorted = super::sorted(numbers);
        let count = self.quantiles.min(sorted.len()).max(2);
        let references: Vec<f64> = (0..count)
            .filter_map(|index| quantile(&sorted, index as f64 / (count - 1) as f64))
            .collect();
        for number in numbers.iter_mut() {
            *number = apply(&references, *number);
        }
        let all = self.references.get_or_insert_default();
        all.insert(column.to_owned(), references);
    }
}

/// The normal quantile of a number's rank among `references`. Where many of them are equal, the middle
/// of their ranks is its rank.
pub(crate) fn apply(references: &[f64], number: f64) -> f64 {
    if number.is_nan() || references.len() < 2 {
        return number;
    }
    // Beyond the ends is as far as the ends.
    let ends = references.first().zip(references.last());
    let number = ends.map_or(number, |(first, last)| number.clamp(*first, *last));
    let share = f64::midpoint(
        rank(references, number, false),
        rank(references, number, true),
    );
    inverse_normal(share.clamp(SHARE_MIN, 1.0 - SHARE_MIN))
}

/// The rank from 0 to 1, between equal references the first or the last of theirs.
fn rank(references: &[f64], number: f64, last_of_equals: bool) -> f64 {
    let steps = (references.len() - 1) as f64;
    let after = if last_of_equals {
        references.partition_point(|reference| *reference <= number)
    } else {
        references.partition_point(|reference| *reference < number)
    };
    // `number` stands in [references[after - 1], references[after]].
    match (
        after.checked_sub(1).and_then(|at| references.get(at)),
        references.get(after),
    ) {
        (None, _) => 0.0,
        (_, None) => 1.0,
        (Some(below), Some(above)) => {
            let within = (number - below) / (above - below);
            ((after - 1) as f64 + within) / steps
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_scikit_learn() {
        // QuantileTransformer(output_distribution="normal", n_quantiles=9).fit([[0],[0],[0],[1],[2],[4],
        // [8],[8],[16]]).transform([[0.5],[1],[3],[8],[12]])
        let mut step = QuantileNormal {
            quantiles: 9,
            references: None,
        };
        step.fit("a", &mut [0.0, 0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 8.0, 16.0]);
        let references = &step.references.unwrap()["a"];
        for (number, expected) in EXPECTED {
            let value = apply(references, number);
            assert!((value - expected).abs() < 1e-9, "{number}: {value}");
        }
        // A third of the rows are the smallest: the middle of their ranks is an eighth.
        assert!((apply(references, 0.0) - inverse_normal(0.125)).abs() < 1e-12);
        assert!((apply(references, -9.0) - apply(references, 0.0)).abs() < 1e-12);
        assert!((apply(references, 99.0) - 3.29).abs() < 0.01);
        assert!(apply(references, f64::NAN).is_nan());
    }

    const EXPECTED: [(f64, f64); 5] = [
        (0.5, -0.488_776_411_114_669_5),
        (1.0, -0.318_639_363_964_375_14),
        (3.0, 0.157_310_684_610_170_7),
        (8.0, 0.887_146_559_018_876),
        (12.0, 1.534_120_544_352_546_3),
    ];
}
