//! Changes the size.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma, Pixel, Rgb};
use serde::{Deserialize, Serialize};

use super::check_side;
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
    /// Catmull–Rom.
    Bicubic,
    /// Lanczos with three lobes.
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

    pub(crate) fn apply(&self, pixels: Pixels) -> Result<Pixels, DataError> {
        let (height, width) = self.target(&pixels);
        if (height, width) == (pixels.height(), pixels.width()) {
            return Ok(pixels);
        }
        check_side("resize", "the longer side", height.max(width))?;
        let channels = pixels.channels();
        let data = if channels == 1 {
            self.resample::<Luma<u8>>(pixels, height, width)
        } else {
            self.resample::<Rgb<u8>>(pixels, height, width)
        };
        Pixels::new(height, width, channels, data.unwrap_or_default())
    }

    fn resample<P: Pixel<Subpixel = u8> + 'static>(
        &self,
        pixels: Pixels,
        height: usize,
        width: usize,
    ) -> Option<Vec<u8>> {
        let filter = match self.filter {
            Filter::Nearest => FilterType::Nearest,
            Filter::Bilinear => FilterType::Triangle,
            Filter::Bicubic => FilterType::CatmullRom,
            Filter::Lanczos => FilterType::Lanczos3,
        };
        let (rows, columns) = (pixels.height() as u32, pixels.width() as u32);
        let image: ImageBuffer<P, Vec<u8>> =
            ImageBuffer::from_raw(columns, rows, pixels.into_data())?;
        Some(imageops::resize(&image, width as u32, height as u32, filter).into_raw())
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
        assert_eq!(nearest.apply(pixels).unwrap().data().len(), 4);
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
