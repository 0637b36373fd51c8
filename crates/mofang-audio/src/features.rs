//! What a network is given of a sound.

use crate::AudioError;

/// A matrix of features, `[bands, frames]` row-major: a row is one band over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    bands: usize,
    frames: usize,
    values: Vec<f32>,
}

impl Features {
    /// Values `[bands, frames]`, row-major.
    ///
    /// # Errors
    /// When there are not `bands · frames` values, or none.
    pub fn new(bands: usize, frames: usize, values: Vec<f32>) -> Result<Self, AudioError> {
        let expected = bands.saturating_mul(frames);
        if values.len() != expected || expected == 0 {
            return Err(AudioError::WrongLength {
                what: "features",
                actual: values.len(),
                expected: expected.max(1),
            });
        }
        Ok(Self {
            bands,
            frames,
            values,
        })
    }

    /// Rows.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// Columns.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The values, `[bands, frames]` row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The values, without the shape.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }
}
