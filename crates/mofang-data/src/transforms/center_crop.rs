//! Cuts out the middle.

use serde::{Deserialize, Serialize};

use super::check_side;
use crate::{DataError, Pixels};

/// Cuts `height` × `width` pixels out of the middle; the image must be at least as large.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterCrop {
    /// Rows to keep.
    pub height: usize,
    /// Columns to keep.
    pub width: usize,
}

impl CenterCrop {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        check_side("center_crop", "height", self.height)?;
        check_side("center_crop", "width", self.width)
    }

    pub(crate) fn apply(&self, pixels: &Pixels) -> Result<Pixels, DataError> {
        let (Some(rows), Some(columns)) = (
            pixels.height().checked_sub(self.height),
            pixels.width().checked_sub(self.width),
        ) else {
            return Err(DataError::WrongShape {
                actual: vec![pixels.height(), pixels.width()],
                expected: format!("at least {} × {} pixels to crop", self.height, self.width),
            });
        };
        // Half of an odd remainder rounds as in torchvision: to the nearest even integer.
        let half = |remainder: usize| (remainder as f64 / 2.0).round_ties_even() as usize;
        let channels = pixels.channels();
        let left = half(columns) * channels;
        let data = pixels
            .data()
            .chunks_exact(pixels.width() * channels)
            .skip(half(rows))
            .take(self.height)
            .flat_map(|row| {
                row.get(left..left + self.width * channels)
                    .unwrap_or_default()
            })
            .copied()
            .collect();
        Pixels::new(self.height, self.width, channels, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_stays() {
        let pixels = Pixels::new(3, 4, 1, (0..12).collect()).unwrap();
        let cropped = CenterCrop {
            height: 1,
            width: 2,
        }
        .apply(&pixels)
        .unwrap();
        assert_eq!(cropped.data(), [5, 6]);
        assert!(
            CenterCrop {
                height: 4,
                width: 2
            }
            .apply(&pixels)
            .is_err()
        );
    }
}
