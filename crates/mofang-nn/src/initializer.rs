//! Initial values of parameters, as PyTorch draws them, from a generator of our own.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "parameters are f32 and their counts far below 2^52"
)]

use rand::{Rng, RngExt};

/// How the elements of a parameter are drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Initializer {
    /// All the same.
    Constant(f32),
    /// `N(0, 2 / fan_in)`: He et al. 2015, <https://arxiv.org/abs/1502.01852>, equation 10.
    KaimingNormalFanIn,
    /// `N(0, 2 / fan_out)`: the same paper, equation 14.
    KaimingNormalFanOut,
    /// `U(-b, b)` with `b = sqrt(6 / fan_in)`.
    KaimingUniform,
    /// `U(-b, b)` with `b = 1 / sqrt(fan_in)`: what `torch.nn.Linear` and `Conv2d` do by default.
    TorchDefault,
    /// `N(0, deviation²)`.
    Normal(f64),
}

impl Initializer {
    /// `count` values. `fan_in` and `fan_out` are the connections into and out of one unit.
    pub(crate) fn draw(
        self,
        count: usize,
        fan_in: usize,
        fan_out: usize,
        randomness: &mut dyn Rng,
    ) -> Vec<f32> {
        let fan_in = fan_in.max(1) as f64;
        let fan_out = fan_out.max(1) as f64;
        match self {
            Self::Constant(value) => vec![value; count],
            Self::KaimingNormalFanIn => normal(count, (2.0 / fan_in).sqrt(), randomness),
            Self::KaimingNormalFanOut => normal(count, (2.0 / fan_out).sqrt(), randomness),
            Self::KaimingUniform => uniform(count, (6.0 / fan_in).sqrt(), randomness),
            Self::TorchDefault => uniform(count, 1.0 / fan_in.sqrt(), randomness),
            Self::Normal(deviation) => normal(count, deviation, randomness),
        }
    }
}

fn uniform(count: usize, bound: f64, randomness: &mut dyn Rng) -> Vec<f32> {
    (0..count)
        .map(|_| ((2.0 * randomness.random::<f64>() - 1.0) * bound) as f32)
        .collect()
}

/// Box and Muller 1958; `1 - u` keeps the logarithm's argument above zero.
fn normal(count: usize, deviation: f64, randomness: &mut dyn Rng) -> Vec<f32> {
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let radius = (-2.0 * (1.0 - randomness.random::<f64>()).ln()).sqrt() * deviation;
        let (sine, cosine) = (std::f64::consts::TAU * randomness.random::<f64>()).sin_cos();
        values.push((radius * cosine) as f32);
        values.push((radius * sine) as f32);
    }
    values.truncate(count);
    values
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn moments(values: &[f32]) -> (f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
        let variance = values
            .iter()
            .map(|value| (f64::from(*value) - mean).powi(2))
            .sum::<f64>()
            / count;
        (mean, variance)
    }

    #[test]
    fn the_spread_is_the_published_one() {
        let mut randomness = ChaCha8Rng::seed_from_u64(7);
        for (initializer, variance) in [
            (Initializer::KaimingNormalFanIn, 2.0 / 50.0),
            (Initializer::KaimingNormalFanOut, 2.0 / 200.0),
            (Initializer::KaimingUniform, 6.0 / 50.0 / 3.0),
            (Initializer::TorchDefault, 1.0 / 50.0 / 3.0),
            (Initializer::Normal(0.01), 0.0001),
        ] {
            let values = initializer.draw(100_001, 50, 200, &mut randomness);
            assert_eq!(values.len(), 100_001);
            let (mean, measured) = moments(&values);
            assert!(
                mean.abs() < 4.0 * (variance / 100_001.0_f64).sqrt(),
                "{initializer:?}: {mean}"
            );
            assert!(
                (measured / variance - 1.0).abs() < 0.03,
                "{initializer:?}: {measured} is not {variance}"
            );
        }
    }
}
