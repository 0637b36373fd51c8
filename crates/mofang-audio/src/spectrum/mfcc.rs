//! Mel-frequency cepstral coefficients (Davis and Mermelstein 1980), as `torchaudio.transforms.MFCC`
//! computes them: the orthonormal DCT-II over the bands of a compressed mel spectrogram.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::{Compression, MelSettings, MelSpectrogram};
use crate::{AudioError, Features, Waveform};

/// What MFCCs are computed with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MfccSettings {
    /// Coefficients.
    pub n_mfcc: usize,
    /// The spectrogram. Where it is left out, its compression is decibels with a top of 80, as in
    /// torchaudio; one that is given says its own, or has `log_mel`, torchaudio's `log_mels=True`.
    pub mel: MelSettings,
}

impl Default for MfccSettings {
    /// Forty coefficients of 80 bands.
    fn default() -> Self {
        Self {
            n_mfcc: 40,
            mel: MelSettings {
                compression: Compression::Decibels { top_db: Some(80.0) },
                ..MelSettings::default()
            },
        }
    }
}

impl MfccSettings {
    /// Checks the settings for sounds of a sample rate.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self, sample_rate: u32) -> Result<(), AudioError> {
        self.mel.check(sample_rate)?;
        if (1..=self.mel.n_mels).contains(&self.n_mfcc) {
            return Ok(());
        }
        Err(AudioError::InvalidSetting(format!(
            "n_mfcc = {} has to be between 1 and n_mels = {}",
            self.n_mfcc, self.mel.n_mels
        )))
    }
}

/// Prepared MFCCs.
#[derive(Debug, Clone)]
pub struct Mfcc {
    spectrogram: MelSpectrogram,
    /// The transform, `[n_mfcc, n_mels]`.
    cosines: Vec<f32>,
    coefficients: usize,
}

impl Mfcc {
    /// Prepares spectrogram and transform for sounds of `sample_rate`.
    ///
    /// # Errors
    /// Settings that are out of range.
    pub fn new(settings: &MfccSettings, sample_rate: u32) -> Result<Self, AudioError> {
        settings.check(sample_rate)?;
        let bands = settings.mel.n_mels;
        let cosines = (0..settings.n_mfcc * bands)
            .map(|index| {
                let (row, band) = ((index / bands) as f64, (index % bands) as f64);
                let scale = if row == 0.0 { 1.0 } else { 2.0 } / bands as f64;
                (scale.sqrt() * (PI / bands as f64 * (band + 0.5) * row).cos()) as f32
            })
            .collect();
        Ok(Self {
            spectrogram: MelSpectrogram::new(&settings.mel, sample_rate)?,
            cosines,
            coefficients: settings.n_mfcc,
        })
    }

    /// Coefficients.
    pub fn bands(&self) -> usize {
        self.coefficients
    }

    /// Frames of a sound of so many samples.
    pub fn frames(&self, samples: usize) -> usize {
        self.spectrogram.frames(samples)
    }

    /// The coefficients `[n_mfcc, frames]` of a sound.
    ///
    /// # Errors
    /// As [`MelSpectrogram::compute`].
    pub fn compute(&self, waveform: &Waveform) -> Result<Features, AudioError> {
        let mel = self.spectrogram.compute(waveform)?;
        let frames = mel.frames();
        let mut values = vec![0.0; self.coefficients * frames];
        let rows = self.cosines.chunks_exact(mel.bands());
        for (result, cosines) in values.chunks_exact_mut(frames).zip(rows) {
            for (cosine, band) in cosines.iter().zip(mel.values().chunks_exact(frames)) {
                for (result, value) in result.iter_mut().zip(band) {
                    *result += cosine * value;
                }
            }
        }
        Features::new(self.coefficients, frames, values)
    }
}
