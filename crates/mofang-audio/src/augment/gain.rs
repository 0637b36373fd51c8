//! Random loudness.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::check_range;
use crate::{AudioError, Waveform};

/// Makes the sound louder or softer by up to so many decibels, evenly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomGain {
    /// Most decibels in either direction.
    pub decibels: f32,
}

impl RandomGain {
    /// Checks the settings.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), AudioError> {
        check_range("decibels", self.decibels, 0.0, 60.0)
    }

    /// Changes the sound.
    pub fn apply(&self, waveform: &mut Waveform, randomness: &mut dyn Rng) {
        let decibels = (randomness.random::<f32>() * 2.0 - 1.0) * self.decibels;
        let factor = 10.0_f32.powf(decibels / 20.0);
        for sample in waveform.samples_mut() {
            *sample *= factor;
        }
    }
}
