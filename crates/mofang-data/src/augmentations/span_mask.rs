//! `span_mask`: a stretch of tokens is hidden.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::Tokens;

/// Hides a stretch of neighbouring tokens of a text behind the tokenizer's mask, or its unknown token
/// where it has no mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanMask {
    /// How probable it is for a text, 0 to 1.
    pub probability: f32,
    /// The largest share of the text's tokens that is hidden, 0 to 1.
    pub share_max: f32,
}

impl SpanMask {
    pub(super) fn apply(&self, tokens: &mut Tokens<'_>, randomness: &mut dyn Rng) {
        // Drawn whether or not they are needed, so that what follows does not depend on it.
        let is_masked = randomness.random::<f32>() < self.probability;
        let (share, start) = (randomness.random::<f32>(), randomness.random::<f32>());
        if !is_masked {
            return;
        }
        let places = tokens.places();
        let length = (places.len() as f32 * self.share_max * share).ceil() as usize;
        // One token at least can be read.
        let length = length.min(places.len().saturating_sub(1));
        let start = ((places.len() - length) as f32 * start) as usize;
        for place in places.iter().skip(start).take(length) {
            if let Some(id) = tokens.ids.get_mut(*place) {
                *id = tokens.mask_id;
            }
        }
    }
}
