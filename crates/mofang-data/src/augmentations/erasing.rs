//! Random erasing (Zhong et al. 2017, arXiv 1708.04896), with zeros.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::Image;

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
    pub(super) fn apply(&self, image: &mut Image<'_>, randomness: &mut dyn Rng) {
        let (height, width) = (image.height, image.width);
        if randomness.random::<f32>() >= self.probability || height == 0 || width == 0 {
            return;
        }
        let side = (randomness.random::<f32>() * self.area_max).sqrt();
        let length = |whole: usize| ((whole as f32 * side).round() as usize).clamp(1, whole);
        let (rows, columns) = (length(height), length(width));
        let top = randomness.random_range(0..=height - rows);
        let left = randomness.random_range(0..=width - columns);
        for plane in image.data.chunks_exact_mut(height * width) {
            for row in plane.chunks_exact_mut(width).skip(top).take(rows) {
                if let Some(erased) = row.get_mut(left..left + columns) {
                    erased.fill(0.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_rectangle_of_at_most_the_area_is_erased_in_every_plane() {
        let step = RandomErasing {
            probability: 1.0,
            area_max: 0.25,
        };
        for seed in 0..100 {
            let (mut data, mut scratch) = (vec![1.0; 2 * 64], Vec::new());
            let mut image = Image {
                height: 8,
                width: 8,
                data: &mut data,
                scratch: &mut scratch,
            };
            step.apply(&mut image, &mut ChaCha8Rng::seed_from_u64(seed));
            let erased = |plane: &[f32]| plane.iter().filter(|value| **value < 0.5).count();
            let (first, second) = data.split_at(64);
            assert_eq!(first, second);
            assert!((1..=16).contains(&erased(first)), "{}", erased(first));
        }
    }
}
