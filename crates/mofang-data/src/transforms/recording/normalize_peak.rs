//! Makes recordings equally loud.

use mofang_audio::{Waveform, normalize_peak};
use serde::{Deserialize, Serialize};

use super::in_step;
use crate::DataError;

/// Scales a recording so that its largest absolute sample is `peak`; silence stays silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalizePeak {
    /// The largest absolute sample, above 0.
    #[serde(default = "default_peak")]
    pub peak: f32,
}

fn default_peak() -> f32 {
    1.0
}

impl NormalizePeak {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        if self.peak.is_finite() && self.peak > 0.0 {
            return Ok(());
        }
        Err(DataError::InvalidPipeline(format!(
            "`normalize_peak`: peak = {} is not above 0",
            self.peak
        )))
    }

    pub(crate) fn apply(&self, waveform: &mut Waveform) -> Result<(), DataError> {
        normalize_peak(waveform, self.peak).map_err(in_step("normalize_peak"))
    }
}
