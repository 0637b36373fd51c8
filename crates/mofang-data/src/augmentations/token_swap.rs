//! `token_swap`: neighbouring tokens change places.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::Tokens;

/// Lets tokens of a text change places with the next one at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSwap {
    /// How probable it is for each pair of neighbours, 0 to 1.
    pub probability: f32,
}

impl TokenSwap {
    pub(super) fn apply(&self, tokens: &mut Tokens<'_>, randomness: &mut dyn Rng) {
        for pair in tokens.places().windows(2) {
            let is_swapped = randomness.random::<f32>() < self.probability;
            if let ([left, right], true) = (pair, is_swapped) {
                tokens.ids.swap(*left, *right);
            }
        }
    }
}
