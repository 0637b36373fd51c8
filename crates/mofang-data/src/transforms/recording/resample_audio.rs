//! Changes the sample rate.

use mofang_audio::{Waveform, resample};
use serde::{Deserialize, Serialize};

use super::in_step;
use crate::DataError;

/// Gives every recording the same sample rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResampleAudio {
    /// Samples in a second, e.g. 16000.
    pub sample_rate: u32,
}

impl ResampleAudio {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        mofang_audio::limits::check_sample_rate(self.sample_rate).map_err(in_step("resample_audio"))
    }

    pub(crate) fn apply(&self, waveform: &Waveform) -> Result<Waveform, DataError> {
        Ok(resample(waveform, self.sample_rate)?)
    }
}
