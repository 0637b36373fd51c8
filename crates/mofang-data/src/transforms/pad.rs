//! Adds a border.

use serde::{Deserialize, Serialize};

use super::{check_samples, check_side};
use crate::{DataError, Pixels};

/// Adds rows and columns of one value around the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pad {
    /// Rows above.
    #[serde(default)]
    pub top: usize,
    /// Rows below.
    #[serde(default)]
    pub bottom: usize,
    /// Columns before.
    #[serde(default)]
    pub left: usize,
    /// Columns after.
    #[serde(default)]
    pub right: usize,
    /// The value of every new sample.
    #[serde(default)]
    pub value: u8,
}

impl Pad {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        for (name, length) in [
            ("top", self.top),
            ("bottom", self.bottom),
            ("left", self.left),
            ("right", self.right),
        ] {
            check_side("pad", name, length.saturating_add(1))?;
        }
        Ok(())
    }

    pub(crate) fn apply(&self, pixels: &Pixels) -> Result<Pixels, DataError> {
        let channels = pixels.channels();
        let height = pixels.height() + self.top + self.bottom;
        let width = pixels.width() + self.left + self.right;
        check_samples("pad", height, width, channels)?;
        let mut data = vec![self.value; height * width * channels];
        let source = pixels.data().chunks_exact(pixels.width() * channels);
        let target = data.chunks_exact_mut(width * channels).skip(self.top);
        for (source, target) in source.zip(target) {
            let start = self.left * channels;
            if let Some(target) = target.get_mut(start..start + source.len()) {
                target.copy_from_slice(source);
            }
        }
        Pixels::new(height, width, channels, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_border_surrounds_the_image() {
        let pixels = Pixels::new(1, 2, 1, vec![5, 6]).unwrap();
        let padded = Pad {
            top: 1,
            bottom: 0,
            left: 1,
            right: 2,
            value: 9,
        }
        .apply(&pixels)
        .unwrap();
        assert_eq!((padded.height(), padded.width()), (2, 5));
        assert_eq!(padded.data(), [9, 9, 9, 9, 9, 9, 5, 6, 9, 9]);
    }
}
