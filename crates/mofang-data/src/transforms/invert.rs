//! Swaps dark and light.

use serde::{Deserialize, Serialize};

use crate::{DataError, Pixels};

/// Replaces every sample by 255 − sample, for photographs of dark ink fed to a model of light ink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invert {}

impl Invert {
    pub(crate) fn apply(pixels: Pixels) -> Result<Pixels, DataError> {
        let (height, width, channels) = (pixels.height(), pixels.width(), pixels.channels());
        let mut data = pixels.into_data();
        for sample in &mut data {
            *sample = 255 - *sample;
        }
        Pixels::new(height, width, channels, data)
    }
}
