//! Random brightness and contrast.

use mofang_types::Tensor;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::symmetric;

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
    pub(super) fn apply(&self, image: &mut Tensor, randomness: &mut dyn Rng) {
        let shift = symmetric(randomness, self.brightness);
        let factor = 1.0 + symmetric(randomness, self.contrast);
        let mean = image.data().iter().sum::<f32>() / image.data().len().max(1) as f32;
        for value in image.data_mut() {
            *value = ((*value - mean) * factor + mean + shift).clamp(0.0, 1.0);
        }
    }
}
