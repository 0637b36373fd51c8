//! Shifts and scales each channel.

use serde::{Deserialize, Serialize};

use crate::DataError;

/// `(value − mean) / std` for each channel, of values in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// The mean of each channel.
    pub mean: Vec<f32>,
    /// The standard deviation of each channel, greater than 0.
    pub std: Vec<f32>,
}

impl Normalize {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let invalid =
            |reason: String| Err(DataError::InvalidPipeline(format!("`normalize`: {reason}")));
        if self.mean.is_empty() || self.mean.len() != self.std.len() {
            return invalid(format!(
                "{} means for {} stds",
                self.mean.len(),
                self.std.len()
            ));
        }
        if let Some(std) = self.std.iter().find(|std| !std.is_finite() || **std <= 0.0) {
            return invalid(format!("std = {std} is not greater than 0"));
        }
        match self.mean.iter().find(|mean| !mean.is_finite()) {
            Some(mean) => invalid(format!("mean = {mean} is not finite")),
            None => Ok(()),
        }
    }

    pub(crate) fn check_channels(&self, channels: usize) -> Result<(), DataError> {
        if self.mean.len() == channels {
            return Ok(());
        }
        Err(DataError::InvalidPipeline(format!(
            "`normalize` has {} channels, the image has {channels}",
            self.mean.len()
        )))
    }

    /// Normalizes the planes of `data`, one after another, in place.
    pub(crate) fn apply(&self, data: &mut [f32]) {
        let size = (data.len() / self.mean.len().max(1)).max(1);
        let channels = self.mean.iter().zip(&self.std);
        for (plane, (mean, std)) in data.chunks_exact_mut(size).zip(channels) {
            // Divided, not multiplied by the reciprocal, so that the bits are those of PyTorch.
            for value in plane {
                *value = (*value - mean) / std;
            }
        }
    }
}
