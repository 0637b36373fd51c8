//! A sound in memory.

use crate::{AudioError, limits};

/// One channel of sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    sample_rate: u32,
    samples: Vec<f32>,
}

impl Waveform {
    /// Samples, nominally in [−1, 1], taken `sample_rate` times a second.
    ///
    /// # Errors
    /// A rate that is not accepted, no samples, more than [`limits`] accepts, or one that is not finite.
    pub fn new(sample_rate: u32, samples: Vec<f32>) -> Result<Self, AudioError> {
        limits::check_sample_rate(sample_rate)?;
        if samples.is_empty() {
            return Err(AudioError::InvalidSetting(
                "a waveform needs at least one sample".to_owned(),
            ));
        }
        limits::check_duration(samples.len() as u64, sample_rate)?;
        if let Some(index) = samples.iter().position(|sample| !sample.is_finite()) {
            return Err(AudioError::NotFinite { index });
        }
        Ok(Self {
            sample_rate,
            samples,
        })
    }

    /// The same sound with other samples, at the same rate; the caller keeps them within limits.
    pub(crate) fn with_samples(&self, samples: Vec<f32>) -> Self {
        Self {
            sample_rate: self.sample_rate,
            samples,
        }
    }

    pub(crate) fn from_parts(sample_rate: u32, samples: Vec<f32>) -> Self {
        Self {
            sample_rate,
            samples,
        }
    }

    /// Samples in a second.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The samples, at least one.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// The samples, to be changed in place.
    pub fn samples_mut(&mut self) -> &mut [f32] {
        &mut self.samples
    }

    /// The samples, without the rate.
    pub fn into_samples(self) -> Vec<f32> {
        self.samples
    }

    /// How long it sounds, in seconds.
    pub fn duration_seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate)
    }

    /// The largest absolute value.
    pub fn peak(&self) -> f32 {
        self.samples
            .iter()
            .fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    /// The root of the mean square.
    pub fn rms(&self) -> f32 {
        (power(&self.samples)).sqrt() as f32
    }
}

/// The mean square, summed in order.
pub(crate) fn power(samples: &[f32]) -> f64 {
    let sum: f64 = samples
        .iter()
        .map(|sample| f64::from(*sample) * f64::from(*sample))
        .sum();
    sum / samples.len().max(1) as f64
}
