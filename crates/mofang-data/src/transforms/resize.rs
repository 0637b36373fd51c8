//! Changes the size.

use serde::{Deserialize, Serialize};

use super::check_side;
use super::resample::resample;
use crate::{DataError, Pixels};

/// How samples are made from their neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The nearest sample.
    Nearest,
    /// Linear in both directions, antialiased when it shrinks, as Pillow's `BILINEAR`.
    #[default]
    Bilinear,
    /// Keys' cubic convolution (Catmull–Rom), as Pillow's `BICUBIC`.
    Bicubic,
    /// Lanczos with three lobes, as Pillow's `LANCZOS`.
    Lanczos,
}

/// Resizes to `height` × `width`, or so that the shorter side measures `shorter_side`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Rows; together with `width`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<usize>,
    /// Columns; together with `height`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Length of the shorter side; instead of `height` and `width`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shorter_side: Option<usize>,
    /// How samples are made from their neighbours.
    #[serde(default)]
    pub filter: Filter,
}

impl Resize {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        match (self.height, self.width, self.shorter_side) {
            (Some(height), Some(width), None) => {
                check_side("resize", "height", height)?;
                check_side("resize", "width", width)
            }
            (None, None, Some(length)) => check_side("resize", "shorter_side", length),
            _ => Err(DataError::InvalidPipeline(
                "`resize` takes either `height` and `width`, or `shorter_side`".to_owned(),
            )),
        }
    }

    fn target(&self, pixels: &Pixels) -> (usize, usize) {
        let (height, width) = (pixels.height(), pixels.width());
        match (self.height, self.width, self.shorter_side) {
            (Some(height), Some(width), _) => (height, width),
            (_, _, Some(length)) if height <= width => (length, (length * width / height).max(1)),
            (_, _, Some(length)) => ((length * height / width).max(1), length),
            _ => (height, width),
        }
    }

    /// Whether the image has the size already.
    pub(crate) fn is_identity(&self, pixels: &Pixels) -> bool {
        self.target(pixels) == (pixels.height(), pixels.width())
    }

    pub(crate) fn apply(&self, pixels: Pixels) -> Result<Pixels, DataError> {
        if self.is_identity(&pixels) {
            return Ok(pixels);
        }
        let (height, width) = self.target(&pixels);
        check_side("resize", "the longer side", height.max(width))?;
        resample(&pixels, height, width, self.filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_settings() {
        let pixels = Pixels::new(4, 8, 1, (0..32).collect()).unwrap();
        let by_side = Resize {
            height: None,
            width: None,
            shorter_side: Some(2),
            filter: Filter::default(),
        };
        let resized = by_side.apply(pixels.clone()).unwrap();
        assert_eq!((resized.height(), resized.width()), (2, 4));
        let nearest = Resize {
            height: Some(2),
            width: Some(2),
            shorter_side: None,
            filter: Filter::Nearest,
        };
        // Image.resize((2, 2), Image.NEAREST) of rows 0..8, 8..16, 16..24, 24..32.
        assert_eq!(nearest.apply(pixels).unwrap().data(), [10, 14, 26, 30]);
        assert!(
            Resize {
                height: Some(2),
                width: None,
                shorter_side: None,
                filter: Filter::Nearest
            }
            .check()
            .is_err()
        );
    }
}
