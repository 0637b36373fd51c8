//! The mel spectrogram, as `torchaudio.transforms.MelSpectrogram` computes it with a power of 2.

use serde::{Deserialize, Serialize};

use super::mel_filters::{Bank, MelFilter};
use super::short_time::ShortTime;
use super::{Compression, MelScale};
use crate::{AudioError, Features, Waveform, limits};

/// Longest Fourier transform: a second and a half at 44.1 kHz.
const N_FFT_MAX: usize = 65_536;

/// Most bands; speech recognition uses up to 128.
const BANDS_MAX: usize = 1024;

/// Most values of a spectrogram: 256 MiB.
const VALUES_MAX: usize = 64 << 20;

/// How high the triangles are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MelNorm {
    /// One.
    #[default]
    None,
    /// So that each has the same area (librosa's default).
    Slaney,
}

/// What a mel spectrogram is computed with. The names are torchaudio's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MelSettings {
    /// Samples of a Fourier transform.
    pub n_fft: usize,
    /// Samples under the window; none: `n_fft`.
    pub win_length: Option<usize>,
    /// Samples from one frame to the next; none: half of the window.
    pub hop_length: Option<usize>,
    /// Lowest frequency of the first band, in hertz.
    pub f_min: f64,
    /// Highest frequency of the last band, in hertz; none: half of the sample rate.
    pub f_max: Option<f64>,
    /// Bands.
    pub n_mels: usize,
    /// How hertz become mel.
    pub mel_scale: MelScale,
    /// How high the triangles are.
    pub norm: MelNorm,
    /// Whether frame `t` has its middle at sample `t · hop_length`, the ends mirrored; otherwise it
    /// starts there.
    pub center: bool,
    /// What is done with the power of a band.
    pub compression: Compression,
}

impl Default for MelSettings {
    /// Windows of 400 samples each 160, 80 bands: 25 and 10 ms at 16 kHz.
    fn default() -> Self {
        Self {
            n_fft: 400,
            win_length: None,
            hop_length: Some(160),
            f_min: 0.0,
            f_max: None,
            n_mels: 80,
            mel_scale: MelScale::Htk,
            norm: MelNorm::None,
            center: true,
            compression: Compression::LogMel,
        }
    }
}

impl MelSettings {
    fn win_length(&self) -> usize {
        self.win_length.unwrap_or(self.n_fft)
    }

    fn hop_length(&self) -> usize {
        self.hop_length.unwrap_or(self.win_length() / 2)
    }

    /// Checks the settings for sounds of a sample rate.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self, sample_rate: u32) -> Result<(), AudioError> {
        limits::check_sample_rate(sample_rate)?;
        let invalid = |reason: String| Err(AudioError::InvalidSetting(reason));
        if !(2..=N_FFT_MAX).contains(&self.n_fft) {
            return invalid(format!(
                "n_fft = {} has to be between 2 and {N_FFT_MAX}",
                self.n_fft
            ));
        }
        if !(1..=self.n_fft).contains(&self.win_length()) {
            return invalid(format!(
                "win_length = {} has to be between 1 and n_fft = {}",
                self.win_length(),
                self.n_fft
            ));
        }
        if self.hop_length() == 0 {
            return invalid("hop_length has to be at least 1".to_owned());
        }
        if !(1..=BANDS_MAX).contains(&self.n_mels) {
            return invalid(format!(
                "n_mels = {} has to be between 1 and {BANDS_MAX}",
                self.n_mels
            ));
        }
        let nyquist = f64::from(sample_rate) / 2.0;
        let f_max = self.f_max.unwrap_or(nyquist);
        if !(self.f_min >= 0.0 && self.f_min < f_max && f_max <= nyquist) {
            return invalid(format!(
                "f_min = {} and f_max = {f_max} have to be in order between 0 and {nyquist} Hz, half of the sample rate",
                self.f_min
            ));
        }
        self.compression.check()
    }
}

/// A prepared mel spectrogram.
#[derive(Debug, Clone)]
pub struct MelSpectrogram {
    sample_rate: u32,
    short_time: ShortTime,
    filters: Vec<MelFilter>,
    compression: Compression,
}

impl MelSpectrogram {
    /// Prepares windows and filters for sounds of `sample_rate`.
    ///
    /// # Errors
    /// Settings that are out of range.
    pub fn new(settings: &MelSettings, sample_rate: u32) -> Result<Self, AudioError> {
        settings.check(sample_rate)?;
        let short_time = ShortTime::new(
            settings.n_fft,
            settings.win_length(),
            settings.hop_length(),
            settings.center,
        );
        let bank = Bank {
            scale: settings.mel_scale,
            norm: settings.norm,
            sample_rate,
            bands: settings.n_mels,
            hertz_min: settings.f_min,
            hertz_max: settings.f_max.unwrap_or(f64::from(sample_rate / 2)),
        };
        Ok(Self {
            sample_rate,
            filters: bank.filters(short_time.bins()),
            short_time,
            compression: settings.compression,
        })
    }

    /// Bands of the spectrogram.
    pub fn bands(&self) -> usize {
        self.filters.len()
    }

    /// Frames of a sound of so many samples: `1 + samples / hop_length` where frames are centered.
    pub fn frames(&self, samples: usize) -> usize {
        self.short_time.frames(samples)
    }

    /// The spectrogram `[n_mels, frames]` of a sound. One that is shorter than a frame gives a frame.
    ///
    /// # Errors
    /// A sound of another sample rate, or one whose spectrogram would not fit into 256 MiB.
    pub fn compute(&self, waveform: &Waveform) -> Result<Features, AudioError> {
        if waveform.sample_rate() != self.sample_rate {
            return Err(AudioError::InvalidSetting(format!(
                "the spectrogram is for {} Hz and the sound has {} Hz; resample it first",
                self.sample_rate,
                waveform.sample_rate()
            )));
        }
        let frames = self.frames(waveform.samples().len());
        let count = frames.saturating_mul(self.bands());
        if count > VALUES_MAX {
            return Err(AudioError::InvalidSetting(format!(
                "hop_length gives {frames} frames of {} bands, more than {VALUES_MAX} values",
                self.bands()
            )));
        }
        let mut values = vec![0.0; count];
        self.short_time.power(waveform.samples(), |frame, power| {
            for (filter, row) in self.filters.iter().zip(values.chunks_exact_mut(frames)) {
                if let Some(value) = row.get_mut(frame) {
                    *value = filter.apply(power) as f32;
                }
            }
        });
        let mut features = Features::new(self.bands(), frames, values)?;
        self.compression.apply(&mut features);
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused() {
        let good = MelSettings::default;
        for settings in [
            MelSettings { n_fft: 0, ..good() },
            MelSettings {
                n_fft: 1 << 30,
                ..good()
            },
            MelSettings {
                win_length: Some(0),
                ..good()
            },
            MelSettings {
                win_length: Some(401),
                ..good()
            },
            MelSettings {
                hop_length: Some(0),
                ..good()
            },
            MelSettings {
                n_mels: 0,
                ..good()
            },
            MelSettings {
                n_mels: 1 << 40,
                ..good()
            },
            MelSettings {
                f_min: f64::NAN,
                ..good()
            },
            MelSettings {
                f_min: -1.0,
                ..good()
            },
            MelSettings {
                f_max: Some(8_001.0),
                ..good()
            },
            MelSettings {
                f_min: 300.0,
                f_max: Some(300.0),
                ..good()
            },
            MelSettings {
                compression: Compression::Log { epsilon: 0.0 },
                ..good()
            },
            MelSettings {
                compression: Compression::Decibels {
                    top_db: Some(f32::NAN),
                },
                ..good()
            },
        ] {
            let result = MelSpectrogram::new(&settings, 16_000);
            assert!(
                matches!(result, Err(AudioError::InvalidSetting(_))),
                "{settings:?}"
            );
        }
        assert!(MelSpectrogram::new(&good(), 0).is_err());
    }

    #[test]
    fn sounds_of_any_length_give_finite_frames() {
        for center in [true, false] {
            let settings = MelSettings {
                center,
                ..MelSettings::default()
            };
            let spectrogram = MelSpectrogram::new(&settings, 16_000).unwrap();
            for count in [1, 2, 159, 160, 399, 400, 401, 16_000] {
                let waveform = Waveform::new(16_000, vec![0.5; count]).unwrap();
                let features = spectrogram.compute(&waveform).unwrap();
                assert_eq!(features.bands(), 80);
                assert_eq!(features.frames(), spectrogram.frames(count));
                assert!(features.values().iter().all(|value| value.is_finite()));
            }
            assert_eq!(spectrogram.frames(16_000), if center { 101 } else { 98 });
        }
    }

    #[test]
    fn another_sample_rate_is_refused() {
        let spectrogram = MelSpectrogram::new(&MelSettings::default(), 16_000).unwrap();
        let waveform = Waveform::new(8_000, vec![0.0; 100]).unwrap();
        let error = spectrogram.compute(&waveform).unwrap_err().to_string();
        assert!(error.contains("resample it first"), "{error}");
    }
}
