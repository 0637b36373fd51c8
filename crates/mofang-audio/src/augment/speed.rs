//! Random speed.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::check_range;
use crate::resample::resample_ratio;
use crate::{AudioError, Waveform};

/// Factors are rounded to thousandths, so that the resampler has few phases.
const STEPS: f32 = 1_000.0;

/// Plays the sound at one of several speeds, pitch and all (Ko et al., "Audio Augmentation for Speech
/// Recognition", 2015: 0.9, 1 and 1.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeedPerturbation {
    /// The speeds, each as likely as another; above 1 the sound becomes shorter.
    pub factors: Vec<f32>,
}

impl SpeedPerturbation {
    /// Checks the settings.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), AudioError> {
        if self.factors.is_empty() {
            return Err(AudioError::InvalidSetting(
                "factors needs at least one speed".to_owned(),
            ));
        }
        self.factors
            .iter()
            .try_for_each(|factor| check_range("factors", *factor, 0.25, 4.0))
    }

    /// The sound at another speed.
    ///
    /// # Errors
    /// Factors that are out of range.
    pub fn apply(
        &self,
        waveform: &Waveform,
        randomness: &mut dyn Rng,
    ) -> Result<Waveform, AudioError> {
        self.check()?;
        let factor = self.factors[randomness.random_range(0..self.factors.len())];
        let thousandths = (factor * STEPS).round();
        if thousandths == STEPS {
            return Ok(waveform.clone());
        }
        let samples = resample_ratio(waveform.samples(), thousandths as u64, STEPS as u64)?;
        Ok(waveform.with_samples(samples))
    }
}
