//! Noise.

use std::f64::consts::TAU;

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::{check_probability, check_range};
use crate::waveform::power;
use crate::{AudioError, Waveform};

/// Adds white noise at a random signal-to-noise ratio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdditiveNoise {
    /// How often.
    pub probability: f32,
    /// Least ratio of the power of the sound to that of the noise, in decibels.
    pub ratio_db_min: f32,
    /// Largest ratio.
    pub ratio_db_max: f32,
}

impl AdditiveNoise {
    /// Checks the settings.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), AudioError> {
        check_probability(self.probability)?;
        check_range("ratio_db_max", self.ratio_db_max, -20.0, 100.0)?;
        check_range("ratio_db_min", self.ratio_db_min, -20.0, self.ratio_db_max)
    }

    /// Changes the sound.
    pub fn apply(&self, waveform: &mut Waveform, randomness: &mut dyn Rng) {
        if randomness.random::<f32>() >= self.probability {
            return;
        }
        let range = self.ratio_db_max - self.ratio_db_min;
        let ratio_db = self.ratio_db_min + randomness.random::<f32>() * range;
        let noise: Vec<f32> = (0..waveform.samples().len())
            .map(|_| gaussian(randomness))
            .collect();
        add_at_ratio(waveform, &noise, ratio_db);
    }
}

/// Adds `noise`, repeated to the length of the sound, so loud that the power of the sound is `ratio_db`
/// decibels above it. Silence on either side leaves the sound as it is.
pub fn add_at_ratio(waveform: &mut Waveform, noise: &[f32], ratio_db: f32) {
    let length = waveform.samples().len();
    let noise_power = power(noise.get(..length).unwrap_or(noise));
    let ratio = 10.0_f64.powf(f64::from(ratio_db) / 10.0);
    let factor = (power(waveform.samples()) / noise_power / ratio).sqrt() as f32;
    if factor.is_finite() {
        for (sample, noise) in waveform.samples_mut().iter_mut().zip(noise.iter().cycle()) {
            *sample += noise * factor;
        }
    }
}

/// A number of the normal distribution (Box and Muller 1958).
fn gaussian(randomness: &mut dyn Rng) -> f32 {
    let radius = (-2.0 * (1.0 - randomness.random::<f64>()).ln()).sqrt();
    (radius * (TAU * randomness.random::<f64>()).cos()) as f32
}
