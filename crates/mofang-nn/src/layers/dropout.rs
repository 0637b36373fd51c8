//! Dropout: Srivastava et al. 2014, <https://jmlr.org/papers/v15/srivastava14a.html>.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Pass;

/// `torch.nn.Dropout`, with masks of our own: burn draws its masks from a generator that is global
/// to the process and cannot be saved.
#[derive(Module, Debug)]
pub(crate) struct Dropout {
    /// How probable it is that an element becomes zero.
    pub(crate) probability: f64,
    /// Tells the dropout layers of a network apart.
    #[module(skip)]
    pub(crate) site: u64,
}

impl Dropout {
    pub(crate) fn forward<const D: usize>(&self, input: Tensor<D>, pass: Pass) -> Tensor<D> {
        match pass {
            Pass::Training { step_seed } if self.probability > 0.0 => {
                let shape = input.dims();
                let mask = self.mask(step_seed, shape.iter().product());
                let device = input.device();
                input * Tensor::from_data(TensorData::new(mask, shape), &device)
            }
            Pass::Training { .. } | Pass::Evaluation => input,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the factor is an f32 like what it multiplies"
    )]
    fn mask(&self, step_seed: u64, count: usize) -> Vec<f32> {
        let mut randomness = ChaCha8Rng::seed_from_u64(step_seed);
        randomness.set_stream(self.site);
        let kept = (1.0 / (1.0 - self.probability)) as f32;
        (0..count)
            .map(|_| {
                if f64::from(randomness.random::<f32>()) < self.probability {
                    0.0
                } else {
                    kept
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropout(site: u64) -> Dropout {
        Dropout {
            probability: 0.25,
            site,
        }
    }

    #[test]
    fn the_mask_is_a_function_of_seed_and_site() {
        let mask = dropout(0).mask(1, 1000);
        assert_eq!(mask, dropout(0).mask(1, 1000));
        assert_ne!(mask, dropout(1).mask(1, 1000));
        assert_ne!(mask, dropout(0).mask(2, 1000));
    }

    #[test]
    fn a_quarter_is_dropped_and_the_rest_makes_up_for_it() {
        let mask = dropout(3).mask(9, 100_000);
        let dropped = mask.iter().filter(|factor| **factor == 0.0).count();
        assert!((24_500..25_500).contains(&dropped), "{dropped}");
        assert!(
            mask.iter()
                .all(|factor| *factor == 0.0 || (factor * 0.75 - 1.0).abs() < 1e-6)
        );
    }
}
