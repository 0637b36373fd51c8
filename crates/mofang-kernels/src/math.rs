//! Functions of one value, written so that loops over them become vector instructions: no branches, no
//! calls, and no contraction, so that every set of instructions gives the same bits.
//!
//! Errors, against double precision: `exp`, `sigmoid` and `tanh` within 2e-7 of the value; `normal_cdf` within
//! 2e-7 of one, and within 3e-4 of the value down to 1e-10.
#![expect(
    clippy::inline_always,
    reason = "compiled for the instructions of the loop that calls it"
)]

/// `√½`
const ROOT_HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// `one` where the condition holds, else `other`, without a branch: one around a long series would keep a loop
/// from becoming vector instructions.
#[inline(always)]
fn select(condition: bool, one: f32, other: f32) -> f32 {
    let mask = 0_u32.wrapping_sub(u32::from(condition));
    f32::from_bits(one.to_bits() & mask | other.to_bits() & !mask)
}

/// `e^x`, as `2^n · e^r` with `x = n · ln 2 + r` and a series for `e^r` that was fitted to it. Results below
/// `2^-125` are 0.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding it leaves `n` in the last bits of the sum, and there a bias that makes them the exponent of
    // `2^(n - 1)`; the other factor of 2 keeps the largest results finite.
    const ROUND: f32 = 12_582_912.0 + 126.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = if x < -87.3 { -87.3 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let rest = x - n * LN_2_HIGH - n * LN_2_LOW;
    let series = 1.381_446_5e-3;
    let series = series * rest + 8.368_781e-3;
    let series = series * rest + 4.166_839_4e-2;
    let series = series * rest + 1.666_652_1e-1;
    let series = series * rest + 0.499_999_93;
    let value = series * rest * rest + rest + 1.0;
    // A NaN is in `value` already.
    (value + value) * f32::from_bits(rounded.to_bits() << 23)
}

/// `1 / (1 + e^-x)`
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, by the series of the Cephes library near 0.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    let series = -5.704_988_7e-3;
    let series = series * square + 2.063_908_8e-2;
    let series = series * square - 5.373_971_5e-2;
    let series = series * square + 1.333_144_2e-1;
    let series = series * square - 3.333_328e-1;
    let near = series * square * x + x;
    let far = (1.0 - 2.0 / (exp(size + size) + 1.0)).copysign(x);
    select(size < 0.625, near, far)
}

/// The distribution function of the normal distribution, `(1 + erf(x / √2)) / 2`. The series of the error
/// function and of the logarithm of its complement are those of N. Juffa's `erff`.
#[inline(always)]
pub(crate) fn normal_cdf(x: f32) -> f32 {
    let scaled = x * ROOT_HALF;
    let size = scaled.abs();
    let square = scaled * scaled;
    let series = -5.967_617e-4;
    let series = series * square + 4.991_194_2e-3;
    let series = series * square - 2.676_813_5e-2;
    let series = series * square + 1.128_199_3e-1;
    let series = series * square - 3.761_253_4e-1;
    let series = series * square + 1.283_791_7e-1;
    let near = 0.5 + 0.5 * (series * scaled + scaled);
    // Beyond, nothing is left of the tail in single precision.
    let size = if size > 11.0 { 11.0 } else { size };
    let square = size * size;
    let high = -1.728_534_7e-5 * size + 3.831_971_3e-4;
    let low = -3.883_964_4e-3 * size + 2.425_462_2e-2;
    let series = high * square + low;
    let series = series * size - 1.067_778_8e-1;
    let series = series * size - 6.348_467e-1;
    let series = series * size - 1.287_175_1e-1;
    let tail = 0.5 * exp(series * size - size);
    let far = if scaled < 0.0 { tail } else { 1.0 - tail };
    if scaled.abs() > 0.927_734_4 {
        far
    } else {
        near
    }
}

/// The density of the normal distribution, `e^(-x²/2) / √(2π)`.
#[inline(always)]
pub(crate) fn normal_density(x: f32) -> f32 {
    const FACTOR: f32 = 0.398_942_3;
    FACTOR * exp(-0.5 * x * x)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the ends of the line are exact")]
mod tests {
    use super::*;

    /// The error function: its series, and the continued fraction of its complement.
    fn cdf(x: f64) -> f64 {
        let t = (x / 2.0_f64.sqrt()).abs();
        if t < 2.5 {
            let (mut term, mut sum) = (t, t);
            for n in 1..200 {
                let n = f64::from(n);
                term *= -t * t / n;
                sum += term / (2.0 * n + 1.0);
            }
            return 0.5 + 0.5 * (sum * 2.0 / std::f64::consts::PI.sqrt()).copysign(x);
        }
        let mut fraction = 0.0;
        for n in (1..200).rev() {
            fraction = f64::from(n) / 2.0 / (t + fraction);
        }
        let tail = 0.5 * (-t * t).exp() / std::f64::consts::PI.sqrt() / (t + fraction);
        if x < 0.0 { tail } else { 1.0 - tail }
    }

    fn all(low: f32, high: f32) -> impl Iterator<Item = f32> {
        let count = 200_000;
        (0..=count).map(move |i| low + (high - low) * (i as f32 / count as f32))
    }

    #[track_caller]
    fn close(actual: f32, expected: f64, relative: f64, absolute: f64, x: f32) {
        let error = (f64::from(actual) - expected).abs();
        assert!(
            error <= relative * expected.abs() + absolute,
            "{actual:e} is not {expected:e} at {x}"
        );
    }

    #[test]
    fn functions_are_those_of_double_precision() {
        for x in all(-110.0, 95.0) {
            let wide = f64::from(x);
            let expected = wide.exp();
            if expected > f64::from(f32::MAX) {
                assert!(exp(x).is_infinite() || x < 88.8, "{x}");
            } else {
                close(exp(x), expected, 2e-7, 2.4e-38, x);
            }
            close(sigmoid(x), 1.0 / (1.0 + (-wide).exp()), 2.5e-7, 2.4e-38, x);
        }
        for x in all(-12.0, 12.0)
            .chain(all(-1.0, 1.0))
            .chain(all(-1e-3, 1e-3))
        {
            let wide = f64::from(x);
            close(tanh(x), wide.tanh(), 2e-7, 0.0, x);
            close(normal_cdf(x), cdf(wide), 2e-7, 2e-8, x);
            if x > -6.3 {
                close(normal_cdf(x), cdf(wide), 3e-4, 0.0, x);
            }
        }
    }

    #[test]
    fn the_ends_of_the_line_and_nan() {
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(f32::NEG_INFINITY).to_bits(), 0);
        assert_eq!(
            [sigmoid(f32::INFINITY), sigmoid(f32::NEG_INFINITY)],
            [1.0, 0.0]
        );
        assert_eq!([tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)], [1.0, -1.0]);
        let cdf = normal_cdf;
        assert_eq!([cdf(f32::INFINITY), cdf(f32::NEG_INFINITY)], [1.0, 0.0]);
        for function in [exp, sigmoid, tanh, normal_cdf, normal_density] {
            assert!(function(f32::NAN).is_nan());
        }
    }
}
