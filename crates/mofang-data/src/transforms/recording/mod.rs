//! Steps on recordings. What they compute stands in `mofang-audio`.

mod decode_audio;
mod normalize_peak;
mod pad_or_trim;
mod resample_audio;
mod standardize_features;

pub use decode_audio::DecodeAudio;
pub use mofang_audio::{MelSettings, MfccSettings, SilenceSettings};
pub use normalize_peak::NormalizePeak;
pub use pad_or_trim::{Align, PadOrTrim};
pub use resample_audio::ResampleAudio;
pub(crate) use standardize_features::BandStatistics;
pub use standardize_features::StandardizeFeatures;

use mofang_audio::AudioError;

use crate::DataError;

/// An error of a setting, with the step that has it.
pub(crate) fn in_step(step: &'static str) -> impl FnOnce(AudioError) -> DataError {
    move |error| DataError::InvalidPipeline(format!("`{step}`: {error}"))
}
