//! The steps that make numbers and codes of the cells of a row. Each is fitted on the training split,
//! in the order in which they stand here.

mod clip_outliers;
mod columns;
mod dates;
mod encode_categories;
mod impute;
mod normal;
mod quantile_normal;
mod standardize;

pub use clip_outliers::{Bounds, ClipOutliers};
pub use columns::{Column, Columns, UsedKind};
pub use dates::{DatePart, Dates};
pub(crate) use encode_categories::Categories;
pub use encode_categories::EncodeCategories;
pub use impute::{Fill, Impute};
pub use quantile_normal::QuantileNormal;
pub(crate) use quantile_normal::apply as normal_quantile;
pub use standardize::{Scale, Standardize};

use crate::DataError;

/// A step that still leaves to the data what it needs.
pub(crate) fn unfitted(step: &str) -> DataError {
    DataError::InvalidPipeline(format!("`{step}` has not been fitted to training data"))
}

/// What a fitted step knows of a column.
pub(crate) fn known<'a, T>(
    step: &str,
    fitted: Option<&'a std::collections::BTreeMap<String, T>>,
    column: &str,
) -> Result<&'a T, DataError> {
    fitted
        .ok_or_else(|| unfitted(step))?
        .get(column)
        .ok_or_else(|| DataError::InvalidPipeline(format!("`{step}` knows no column \"{column}\"")))
}

/// Checks a share or quantile.
fn check_share(step: &str, name: &str, share: f64) -> Result<(), DataError> {
    if (0.0..=1.0).contains(&share) {
        Ok(())
    } else {
        Err(DataError::InvalidPipeline(format!(
            "`{step}`: {name} = {share} is not in [0, 1]"
        )))
    }
}

/// The numbers that are there, in order.
pub(crate) fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut present: Vec<f64> = numbers
        .iter()
        .copied()
        .filter(|number| !number.is_nan())
        .collect();
    present.sort_by(f64::total_cmp);
    present
}

/// The quantile of sorted values, with linear interpolation between them, as numpy's default.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share * last as f64;
    let below = *sorted.get(place.floor() as usize)?;
    let above = *sorted.get((place.floor() as usize + 1).min(last))?;
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.1, 0.5, 0.9, 1])
        for (share, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            let value = quantile(&[1.0, 2.0, 4.0, 8.0], share).unwrap();
            assert!((value - expected).abs() < 1e-12, "{share}: {value}");
        }
        assert_eq!(quantile(&[], 0.5), None);
    }
}
