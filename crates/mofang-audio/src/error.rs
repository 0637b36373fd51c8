//! What can be wrong with a sound or with what is asked of it.

use std::fmt;

use mofang_types::{Coded, ErrorCode};

use crate::limits;

/// A kind of sound file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SoundFormat {
    /// RIFF WAVE.
    Wav,
    /// Free Lossless Audio Codec in its own container.
    Flac,
    /// MPEG audio, layer III.
    Mp3,
}

impl fmt::Display for SoundFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wav => "WAV",
            Self::Flac => "FLAC",
            Self::Mp3 => "MP3",
        })
    }
}

/// A fault of a sound file, a waveform or a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// There are no bytes.
    #[error("the sound file is empty: it has no bytes")]
    Empty,
    /// It is something else.
    #[error("the bytes are no WAV, FLAC or MP3 file{0}")]
    UnknownFormat(String),
    /// The file ends before its own header says.
    #[error("the {format} file is truncated: {reason}")]
    Truncated {
        /// The kind of file.
        format: SoundFormat,
        /// What is missing.
        reason: String,
    },
    /// The file contradicts itself.
    #[error("the {format} file is damaged: {reason}")]
    Damaged {
        /// The kind of file.
        format: SoundFormat,
        /// What is wrong.
        reason: String,
    },
    /// The file is whole, and uses something that is not read.
    #[error("the {format} file cannot be read: {reason}")]
    Unsupported {
        /// The kind of file.
        format: SoundFormat,
        /// What it uses, and the way out.
        reason: String,
    },
    /// The file is whole, and has not one sample.
    #[error("the {format} file holds no sound: it has no samples")]
    NoSound {
        /// The kind of file.
        format: SoundFormat,
    },
    /// The sound is longer than what is accepted, as its header says.
    #[error(
        "the sound is too long: {frames} samples at {sample_rate} Hz; at most {duration} seconds and {samples} samples are accepted",
        duration = limits::DURATION_SECONDS_MAX,
        samples = limits::SAMPLES_MAX
    )]
    TooLong {
        /// Samples of one channel; where the header does not say, those that were decoded.
        frames: u64,
        /// Samples in a second.
        sample_rate: u32,
    },
    /// The sample rate is none that sound is recorded at.
    #[error(
        "a sample rate of {0} Hz is not accepted; it has to be between {min} and {max} Hz",
        min = limits::SAMPLE_RATE_MIN,
        max = limits::SAMPLE_RATE_MAX
    )]
    SampleRate(u32),
    /// A sample is no finite number.
    #[error("sample {index} is not finite (NaN or infinity)")]
    NotFinite {
        /// The position in the waveform.
        index: usize,
    },
    /// A value is none that a logarithm of a probability can have.
    #[error("value {index} is no log-probability: it is NaN or above 0")]
    NotLogProbability {
        /// The position in row-major order.
        index: usize,
    },
    /// A setting cannot work.
    #[error("invalid setting: {0}")]
    InvalidSetting(String),
    /// An array has another number of values than its shape says.
    #[error("{what}: {actual} values, expected {expected}")]
    WrongLength {
        /// The array.
        what: &'static str,
        /// Values at hand.
        actual: usize,
        /// Values wanted.
        expected: usize,
    },
}

impl AudioError {
    pub(crate) fn truncated(format: SoundFormat, reason: impl Into<String>) -> Self {
        Self::Truncated {
            format,
            reason: reason.into(),
        }
    }

    pub(crate) fn damaged(format: SoundFormat, reason: impl Into<String>) -> Self {
        Self::Damaged {
            format,
            reason: reason.into(),
        }
    }

    pub(crate) fn unsupported(format: SoundFormat, reason: impl Into<String>) -> Self {
        Self::Unsupported {
            format,
            reason: reason.into(),
        }
    }
}

impl Coded for AudioError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::TooLong { .. } => ErrorCode::PayloadTooLarge,
            Self::Empty
            | Self::UnknownFormat(_)
            | Self::Truncated { .. }
            | Self::Damaged { .. }
            | Self::Unsupported { .. }
            | Self::NoSound { .. }
            | Self::SampleRate(_)
            | Self::NotFinite { .. }
            | Self::NotLogProbability { .. }
            | Self::InvalidSetting(_)
            | Self::WrongLength { .. } => ErrorCode::InvalidInput,
        }
    }
}
