//! Masks on features.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::check_range;
use crate::{AudioError, Features};

/// Hides bands and stretches of time (Park et al., "`SpecAugment`", 2019), without its time warping,
/// which its authors found to matter least. What is hidden gets the mean of the features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpecAugment {
    /// Masks over bands.
    pub frequency_masks: usize,
    /// Most bands of one mask (F in the paper).
    pub frequency_width_max: usize,
    /// Masks over time.
    pub time_masks: usize,
    /// Most frames of one mask (T in the paper).
    pub time_width_max: usize,
    /// Most of the example that one mask over time hides (p in the paper).
    pub time_fraction_max: f32,
}

impl Default for SpecAugment {
    /// The paper's policy "LD" for 80 bands.
    fn default() -> Self {
        Self {
            frequency_masks: 2,
            frequency_width_max: 27,
            time_masks: 2,
            time_width_max: 100,
            time_fraction_max: 1.0,
        }
    }
}

impl SpecAugment {
    /// Most masks of a kind.
    const MASKS_MAX: usize = 100;

    /// Checks the settings.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), AudioError> {
        check_range("time_fraction_max", self.time_fraction_max, 0.0, 1.0)?;
        for (name, masks) in [
            ("frequency_masks", self.frequency_masks),
            ("time_masks", self.time_masks),
        ] {
            if masks > Self::MASKS_MAX {
                return Err(AudioError::InvalidSetting(format!(
                    "{name} = {masks} has to be at most {}",
                    Self::MASKS_MAX
                )));
            }
        }
        Ok(())
    }

    /// Changes the features.
    pub fn apply(&self, features: &mut Features, randomness: &mut dyn Rng) {
        let (bands, frames) = (features.bands(), features.frames());
        let sum: f64 = features
            .values()
            .iter()
            .map(|value| f64::from(*value))
            .sum();
        let mean = (sum / features.values().len() as f64) as f32;
        let time_width_max = (frames as f32 * self.time_fraction_max) as usize;
        let values = features.values_mut();
        for _ in 0..self.frequency_masks {
            let mask = mask(bands, self.frequency_width_max, randomness);
            values[mask.start * frames..mask.end * frames].fill(mean);
        }
        for _ in 0..self.time_masks {
            let mask = mask(frames, self.time_width_max.min(time_width_max), randomness);
            for row in values.chunks_exact_mut(frames) {
                row[mask.clone()].fill(mean);
            }
        }
    }
}

/// A stretch of up to `width_max` of `length`: the width evenly first, then the place.
fn mask(length: usize, width_max: usize, randomness: &mut dyn Rng) -> std::ops::Range<usize> {
    let width = randomness.random_range(0..=width_max.min(length));
    let start = randomness.random_range(0..=length - width);
    start..start + width
}
