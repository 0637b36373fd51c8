//! What a sound file may ask for. Every limit is checked on the header, before memory is taken.

use crate::AudioError;

/// Longest sound, in seconds.
pub const DURATION_SECONDS_MAX: u64 = 600;

/// Most samples of a sound after its channels are mixed: ten minutes at 96 kHz, 256 MiB.
pub const SAMPLES_MAX: u64 = 64 * 1024 * 1024;

/// Lowest sample rate, in hertz; telephones use 8 000.
pub const SAMPLE_RATE_MIN: u32 = 1_000;

/// Highest sample rate, in hertz; studios use up to 384 000.
pub const SAMPLE_RATE_MAX: u32 = 384_000;

/// Most channels of a file.
pub const CHANNELS_MAX: u16 = 32;

/// Checks that a sample rate is one that sound is recorded at.
///
/// # Errors
/// When it is not.
pub fn check_sample_rate(sample_rate: u32) -> Result<(), AudioError> {
    if (SAMPLE_RATE_MIN..=SAMPLE_RATE_MAX).contains(&sample_rate) {
        Ok(())
    } else {
        Err(AudioError::SampleRate(sample_rate))
    }
}

/// Checks `frames` samples of one channel at `sample_rate`.
pub(crate) fn check_duration(frames: u64, sample_rate: u32) -> Result<(), AudioError> {
    let duration_max = u64::from(sample_rate).saturating_mul(DURATION_SECONDS_MAX);
    if frames > duration_max || frames > SAMPLES_MAX {
        return Err(AudioError::TooLong {
            frames,
            sample_rate,
        });
    }
    Ok(())
}
