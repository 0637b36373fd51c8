//! Changes the number of channels.

use serde::{Deserialize, Serialize};

use crate::{DataError, Pixels};

/// The channels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Color {
    /// One channel of luma.
    Grayscale,
    /// Red, green and blue.
    Rgb,
}

impl Color {
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Grayscale => 1,
            Self::Rgb => 3,
        }
    }
}

/// Converts to grey (luma of ITU-R BT.601, as Pillow does) or to RGB (the grey value three times).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convert {
    /// What to convert to.
    pub color: Color,
}

impl Convert {
    pub(crate) fn apply(&self, pixels: Pixels) -> Result<Pixels, DataError> {
        let (height, width) = (pixels.height(), pixels.width());
        match (self.color, pixels.channels()) {
            (Color::Grayscale, 3) => {
                let data = pixels.data().chunks_exact(3).map(luma).collect();
                Pixels::new(height, width, 1, data)
            }
            (Color::Rgb, 1) => {
                let data = pixels
                    .data()
                    .iter()
                    .flat_map(|sample| [*sample; 3])
                    .collect();
                Pixels::new(height, width, 3, data)
            }
            _ => Ok(pixels),
        }
    }
}

/// `0.299 R + 0.587 G + 0.114 B` in 16-bit fixed point, rounded, as Pillow's `convert("L")`.
fn luma(rgb: &[u8]) -> u8 {
    let [red, green, blue] =
        [0, 1, 2].map(|channel| rgb.get(channel).copied().map_or(0, u32::from));
    let scaled = red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000;
    (scaled >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_the_luma_that_pillow_computes() {
        // Image.new("RGB", …).convert("L"): red 76, green 150, blue 29, (10, 200, 30) 124.
        let rgb = Pixels::new(1, 4, 3, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 200, 30]).unwrap();
        let grey = Convert {
            color: Color::Grayscale,
        }
        .apply(rgb)
        .unwrap();
        assert_eq!(grey.data(), [76, 150, 29, 124]);
        let back = Convert { color: Color::Rgb }.apply(grey).unwrap();
        assert_eq!(
            back.data().get(..6),
            Some([76, 76, 76, 150, 150, 150].as_slice())
        );
    }
}
