//! `token_dropout`: tokens are left out.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::Tokens;

/// Leaves tokens of a text out at random; one at least stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenDropout {
    /// How probable it is for each token, 0 to 1.
    pub probability: f32,
}

impl TokenDropout {
    pub(super) fn apply(&self, tokens: &mut Tokens<'_>, randomness: &mut dyn Rng) {
        let places = tokens.places();
        let dropped: Vec<usize> = places
            .iter()
            .copied()
            .filter(|_| randomness.random::<f32>() < self.probability)
            .collect();
        if dropped.len() == places.len() {
            return;
        }
        let mut dropped = dropped.into_iter().peekable();
        let mut place = 0;
        tokens.ids.retain(|_| {
            let is_dropped = dropped.next_if_eq(&place).is_some();
            place += 1;
            !is_dropped
        });
    }
}
