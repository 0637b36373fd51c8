//! Random erasing (Zhong et al. 2017, arXiv 1708.04896), with zeros.

use mofang_types::Tensor;
use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::sizes;

/// Overwrites a random rectangle of up to `area_max` of the image with zeros.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomErasing {
    /// How often, 0 to 1.
    pub probability: f32,
    /// Largest share of the image, 0 to 1.
    pub area_max: f32,
}

impl RandomErasing {
    pub(super) fn apply(&self, image: &mut Tensor, randomness: &mut dyn Rng) {
        let (_, height, width) = sizes(image);
        if randomness.random::<f32>() >= self.probability || height == 0 || width == 0 {
            return;
        }
        let side = (randomness.random::<f32>() * self.area_max).sqrt();
        let length = |whole: usize| ((whole as f32 * side).round() as usize).clamp(1, whole);
        let (rows, columns) = (length(height), length(width));
        let top = randomness.random_range(0..=height - rows);
        let left = randomness.random_range(0..=width - columns);
        for plane in image.data_mut().chunks_exact_mut(height * width) {
            for row in plane.chunks_exact_mut(width).skip(top).take(rows) {
                row.iter_mut()
                    .skip(left)
                    .take(columns)
                    .for_each(|value| *value = 0.0);
            }
        }
    }
}
