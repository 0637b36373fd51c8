//! Numbers and comparisons.

/// Values between -1 and 1 that are a function of `seed` and of their place.
pub(crate) fn values(count: usize, seed: u64) -> Vec<f32> {
    crate::prepare();
    (0..count)
        .map(|place| {
            let mut x = (place as u64)
                .wrapping_add(1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(seed.wrapping_mul(0xd1b5_4a32_d192_ed03));
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((x >> 40) as f64 / f64::from(1_u32 << 23) - 1.0) as f32
        })
        .collect()
}

/// Checks values against their double-precision reference, of which each is a sum of `terms` products of
/// magnitude `scale` at most.
#[track_caller]
pub(crate) fn assert_sums(what: &str, actual: &[f32], expected: &[f64], terms: usize, scale: f64) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    // Rounding errors of a sum grow with the root of its length; 8 for the tail of their distribution.
    let bound = 8.0 * f64::from(f32::EPSILON) * scale * (terms.max(1) as f64).sqrt();
    for (place, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        if expected.is_nan() {
            assert!(actual.is_nan(), "{what} at {place}: {actual}, not NaN");
        } else if expected.is_infinite() {
            assert_eq!(f64::from(*actual), *expected, "{what} at {place}");
        } else {
            let error = (f64::from(*actual) - expected).abs();
            assert!(
                error <= bound.max(bound * expected.abs()),
                "{what} at {place}: {actual} is not {expected} within {bound}"
            );
        }
    }
}

/// The bits of values: NaN equals NaN, and 0 is not -0.
pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

pub(crate) fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// Checks a gradient against finite differences of what it is the gradient of, at some places.
#[track_caller]
pub(crate) fn assert_slope(
    what: &str,
    actual: &[f32],
    at: &[f64],
    bound: f64,
    total: impl Fn(&[f64]) -> f64,
) {
    assert_eq!(actual.len(), at.len(), "gradient by the {what}");
    let step = 1e-5;
    for place in (0..at.len()).step_by(at.len().div_ceil(7).max(1)) {
        let moved = |by: f64| {
            let mut at = at.to_vec();
            at[place] += by;
            total(&at)
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * step);
        let error = (f64::from(actual[place]) - slope).abs();
        assert!(
            error <= bound * (1.0 + slope.abs()),
            "gradient by the {what} at {place}: {} is not {slope} within {bound}",
            actual[place]
        );
    }
}
