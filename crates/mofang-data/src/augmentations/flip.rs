//! Random horizontal flip.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::Image;

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
    pub(super) fn apply(&self, image: &mut Image<'_>, randomness: &mut dyn Rng) {
        if randomness.random::<f32>() < self.probability {
            image.rows().for_each(<[f32]>::reverse);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn rows_are_mirrored_as_often_as_asked() {
        for (probability, expected) in [(1.0, [2.0, 1.0, 4.0, 3.0]), (0.0, [1.0, 2.0, 3.0, 4.0])] {
            let (mut data, mut scratch) = (vec![1.0, 2.0, 3.0, 4.0], Vec::new());
            let mut image = Image {
                height: 2,
                width: 2,
                data: &mut data,
                scratch: &mut scratch,
            };
            let step = RandomHorizontalFlip { probability };
            step.apply(&mut image, &mut ChaCha8Rng::seed_from_u64(3));
            mofang_types::testing::assert_close(&data, &expected, 0.0);
        }
    }
}
