//! Random shift in time.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::check_range;
use crate::{AudioError, Waveform};

/// Moves the sound earlier or later by up to so many seconds, evenly; silence fills the gap, and what
/// leaves at the other end is lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeShift {
    /// Most seconds in either direction.
    pub seconds_max: f32,
}

impl TimeShift {
    /// Checks the settings.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), AudioError> {
        check_range("seconds_max", self.seconds_max, 0.0, 60.0)
    }

    /// Changes the sound.
    pub fn apply(&self, waveform: &mut Waveform, randomness: &mut dyn Rng) {
        let length = waveform.samples().len();
        let seconds = f64::from(self.seconds_max.max(0.0));
        let most = (seconds * f64::from(waveform.sample_rate())) as usize;
        let most = most.min(length);
        let by = randomness.random_range(0..=2 * most);
        let distance = by.abs_diff(most);
        let samples = waveform.samples_mut();
        if by >= most {
            samples.copy_within(..length - distance, distance);
            samples[..distance].fill(0.0);
        } else {
            samples.copy_within(distance.., 0);
            samples[length - distance..].fill(0.0);
        }
    }
}
