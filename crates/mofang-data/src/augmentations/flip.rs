//! Random horizontal flip.

use mofang_types::Tensor;
use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::sizes;

/// Mirrors left and right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomHorizontalFlip {
    /// How often, 0 to 1.
    #[serde(default = "half")]
    pub probability: f32,
}

fn half() -> f32 {
    0.5
}

impl RandomHorizontalFlip {
    pub(super) fn apply(&self, image: &mut Tensor, randomness: &mut dyn Rng) {
        if randomness.random::<f32>() >= self.probability {
            return;
        }
        let (_, _, width) = sizes(image);
        image
            .data_mut()
            .chunks_exact_mut(width.max(1))
            .for_each(<[f32]>::reverse);
    }
}
