//! Sums of slices in a fixed order: in lanes, so that they are vector instructions, and in blocks, so
//! that rounding errors do not grow with the length.

use rayon::prelude::*;

use crate::simd::multiversioned;

/// Values that are summed in single precision before they go into the sum in double precision.
const BLOCK: usize = 1024;

/// Sums that run side by side.
const LANES: usize = 32;

multiversioned! {
    /// `Σ x`
    pub(crate) fn sum(values: &[f32]) -> f64 {
        blocks(values, |sum, value| sum + value)
    }
}

multiversioned! {
    /// `Σ (x - centre)²`
    pub(crate) fn sum_of_squares(values: &[f32], centre: f32) -> f64 {
        blocks(values, |sum, value| {
            let distance = value - centre;
            sum + distance * distance
        })
    }
}

multiversioned! {
    /// `Σ x²`, in double precision throughout: the square of a finite value may not be one.
    pub(crate) fn squares(values: &[f32]) -> f64 {
        let mut sums = [0.0_f64; 16];
        let (parts, rest) = values.as_chunks::<16>();
        for values in parts {
            for (sum, value) in sums.iter_mut().zip(values) {
                let value = f64::from(*value);
                *sum += value * value;
            }
        }
        for (sum, value) in sums.iter_mut().zip(rest) {
            let value = f64::from(*value);
            *sum += value * value;
        }
        sums.iter().sum()
    }
}

/// The sum of each column of rows of `columns` values: of parts that the shape fixes, in their order.
pub(crate) fn column_sums(values: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0; columns];
    if columns == 0 {
        return sums;
    }
    let rows = (values.len() / columns).div_ceil(32).max(64);
    let parts: Vec<Vec<f32>> = values
        .par_chunks(rows * columns)
        .map(|values| {
            let mut sums = vec![0.0; columns];
            for row in values.chunks_exact(columns) {
                add(row, &mut sums);
            }
            sums
        })
        .collect();
    for part in parts {
        add(&part, &mut sums);
    }
    sums
}

multiversioned! {
    /// `Σ x · y`
    pub(crate) fn products(left: &[f32], right: &[f32]) -> f64 {
        let mut sums = [0.0_f32; 64];
        let (lefts, left_rest) = left.as_chunks::<64>();
        let (rights, right_rest) = right.as_chunks::<64>();
        for (left, right) in lefts.iter().zip(rights) {
            for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
                *sum += left * right;
            }
        }
        for (sum, (left, right)) in sums.iter_mut().zip(left_rest.iter().zip(right_rest)) {
            *sum += left * right;
        }
        fold(sums)
    }
}

multiversioned! {
    /// `sums += values`
    pub(crate) fn add(values: &[f32], sums: &mut [f32]) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }
}

/// `add` over a slice.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "it is compiled for the instructions of its caller"
)]
fn blocks(values: &[f32], add: impl Fn(f32, f32) -> f32) -> f64 {
    let mut total = 0.0;
    for values in values.chunks(BLOCK) {
        let mut sums = [0.0_f32; LANES];
        let (values, rest) = values.as_chunks::<LANES>();
        for values in values {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = add(*sum, *value);
            }
        }
        for (sum, value) in sums.iter_mut().zip(rest) {
            *sum = add(*sum, *value);
        }
        total += fold(sums);
    }
    total
}

/// The sum of lanes: halves are folded together, as vectors.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "it is compiled for the instructions of its caller"
)]
pub(crate) fn fold<const LANES: usize>(mut sums: [f32; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    f64::from(sums[0])
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "sums of small whole numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn sums_of_any_length_are_exact_for_small_numbers() {
        for length in [0, 1, 31, 32, 33, 1000, 1024, 1025, 5000] {
            let left: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 3.0).collect();
            let values = || left.iter().map(|value| f64::from(*value));
            assert_eq!(sum(&left), values().sum());
            let squares = values().map(|value| (value - 1.0) * (value - 1.0));
            assert_eq!(sum_of_squares(&left, 1.0), squares.sum());
            assert_eq!(
                super::squares(&left),
                values().map(|value| value * value).sum()
            );
        }
    }

    #[test]
    fn a_long_sum_loses_nothing_that_matters() {
        let values = vec![0.1_f32; 10_000_000];
        let expected = f64::from(0.1_f32) * 1e7;
        assert!((sum(&values) / expected - 1.0).abs() < 1e-6);
    }
}
