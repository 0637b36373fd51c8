//! Random brightness and contrast.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{Image, symmetric};

/// Scales contrast around the image's mean by `1 ± contrast` and adds `± brightness`, clamped to [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomBrightnessContrast {
    /// Largest shift, 0 to 1.
    pub brightness: f32,
    /// Largest relative change of contrast, 0 to 1.
    pub contrast: f32,
}

impl RandomBrightnessContrast {
    pub(super) fn apply(&self, image: &mut Image<'_>, randomness: &mut dyn Rng) {
        let shift = symmetric(randomness, self.brightness);
        let factor = 1.0 + symmetric(randomness, self.contrast);
        let mean = image.data.iter().sum::<f32>() / image.data.len().max(1) as f32;
        for value in image.data.iter_mut() {
            *value = ((*value - mean) * factor + mean + shift).clamp(0.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn values_stay_in_range_and_contrast_turns_around_the_mean() {
        let step = RandomBrightnessContrast {
            brightness: 0.0,
            contrast: 0.5,
        };
        let (mut data, mut scratch) = (vec![0.4, 0.6], Vec::new());
        let mut image = Image {
            height: 1,
            width: 2,
            data: &mut data,
            scratch: &mut scratch,
        };
        step.apply(&mut image, &mut ChaCha8Rng::seed_from_u64(1));
        mofang_types::testing::assert_close(&[data[0] + data[1]], &[1.0], 1e-6);
        assert!((data[1] - 0.6).abs() > 1e-4, "{data:?}");

        let step = RandomBrightnessContrast {
            brightness: 1.0,
            contrast: 1.0,
        };
        for seed in 0..50 {
            let (mut data, mut scratch) = (vec![0.0, 1.0], Vec::new());
            let mut image = Image {
                height: 1,
                width: 2,
                data: &mut data,
                scratch: &mut scratch,
            };
            step.apply(&mut image, &mut ChaCha8Rng::seed_from_u64(seed));
            assert!(data.iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }
}
