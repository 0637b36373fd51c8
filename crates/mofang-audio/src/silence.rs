//! Trimming of silence at both ends, by the power of frames relative to that of the loudest one.

use serde::{Deserialize, Serialize};

use crate::waveform::power;
use crate::{AudioError, Waveform};

/// What is taken for silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SilenceSettings {
    /// A frame is silent if its power lies so many decibels below that of the loudest frame.
    pub threshold_db: f32,
    /// Samples of a frame.
    pub frame_length: usize,
    /// Samples from one frame to the next.
    pub hop_length: usize,
}

impl Default for SilenceSettings {
    /// librosa's: 60 dB, frames of 2048 samples, 512 apart.
    fn default() -> Self {
        Self {
            threshold_db: 60.0,
            frame_length: 2048,
            hop_length: 512,
        }
    }
}

impl SilenceSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), AudioError> {
        if !(self.threshold_db.is_finite() && self.threshold_db > 0.0) {
            return Err(AudioError::InvalidSetting(format!(
                "threshold_db = {} has to be a number of decibels above 0",
                self.threshold_db
            )));
        }
        if self.frame_length == 0 || self.hop_length == 0 || self.hop_length > self.frame_length {
            return Err(AudioError::InvalidSetting(format!(
                "hop_length = {} has to be between 1 and frame_length = {}",
                self.hop_length, self.frame_length
            )));
        }
        Ok(())
    }
}

/// Cuts silent frames off both ends. A sound without any loud frame stays as it is: what is silent is
/// relative to the sound itself, and the last word on one that is all zeros is the model's.
///
/// # Errors
/// Settings that are out of range.
pub fn trim_silence(
    waveform: &Waveform,
    settings: &SilenceSettings,
) -> Result<Waveform, AudioError> {
    settings.check()?;
    let samples = waveform.samples();
    let powers: Vec<f64> = (0..samples.len())
        .step_by(settings.hop_length)
        .map(|start| {
            let end = start
                .saturating_add(settings.frame_length)
                .min(samples.len());
            power(&samples[start..end])
        })
        .collect();
    let loudest = powers.iter().fold(0.0_f64, |peak, power| peak.max(*power));
    let threshold = loudest * 10.0_f64.powf(-f64::from(settings.threshold_db) / 10.0);
    let loud = |power: &f64| *power > threshold;
    let (Some(first), Some(last)) = (powers.iter().position(loud), powers.iter().rposition(loud))
    else {
        return Ok(waveform.clone());
    };
    let start = first * settings.hop_length;
    let end = (last * settings.hop_length)
        .saturating_add(settings.frame_length)
        .min(samples.len());
    Ok(waveform.with_samples(samples[start..end].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_goes_and_the_sound_stays() {
        let settings = SilenceSettings {
            threshold_db: 40.0,
            frame_length: 100,
            hop_length: 50,
        };
        // Noise 60 dB below the sound is silence; the sound begins at 1000 and ends at 1500.
        let samples: Vec<f32> = (0..3_000)
            .map(|index| {
                let sign = if index % 2 == 0 { 1.0 } else { -1.0 };
                if (1_000..1_500).contains(&index) {
                    sign
                } else {
                    sign * 0.001
                }
            })
            .collect();
        let waveform = Waveform::new(8_000, samples.clone()).unwrap();
        let trimmed = trim_silence(&waveform, &settings).unwrap();
        assert_eq!(trimmed.samples(), &samples[950..1_550]);
        let loud = SilenceSettings {
            threshold_db: 80.0,
            ..settings
        };
        assert_eq!(trim_silence(&waveform, &loud).unwrap(), waveform);
    }

    #[test]
    fn nothing_but_silence_stays() {
        let waveform = Waveform::new(8_000, vec![0.0; 500]).unwrap();
        let settings = SilenceSettings::default();
        assert_eq!(trim_silence(&waveform, &settings).unwrap(), waveform);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for (threshold_db, frame_length, hop_length) in [
            (0.0, 10, 5),
            (f32::NAN, 10, 5),
            (40.0, 10, 0),
            (40.0, 10, 11),
        ] {
            let settings = SilenceSettings {
                threshold_db,
                frame_length,
                hop_length,
            };
            assert!(settings.check().is_err(), "{settings:?}");
        }
    }
}
