//! Random crop with padding.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::Image;

/// Pads with zeros on every side and cuts the old size out at a random place: a shift by up to `padding`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomCrop {
    /// Pixels added on each side.
    pub padding: usize,
}

impl RandomCrop {
    pub(super) fn apply(&self, image: &mut Image<'_>, randomness: &mut dyn Rng) {
        let mut offset = || {
            randomness.random_range(0..=2 * self.padding).cast_signed() - self.padding.cast_signed()
        };
        let (down, right) = (offset(), offset());
        if (down, right) != (0, 0) {
            shift(image, down, right);
        }
    }
}

/// Moves the picture up by `down` and left by `right` (the window moves the other way), zeros behind it.
fn shift(image: &mut Image<'_>, down: isize, right: isize) {
    let (height, width) = (image.height, image.width);
    let columns = right.unsigned_abs().min(width);
    for (target, source) in image.planes_with_copies() {
        for (row, target) in target.chunks_exact_mut(width).enumerate() {
            let Some(from) = row.checked_add_signed(down).filter(|from| *from < height) else {
                target.fill(0.0);
                continue;
            };
            let source = source
                .get(from * width..(from + 1) * width)
                .unwrap_or_default();
            // `columns` is at most `width`, so that no split is beyond the row.
            if right >= 0 {
                let (kept, emptied) = target.split_at_mut(width - columns);
                kept.copy_from_slice(source.get(columns..).unwrap_or_default());
                emptied.fill(0.0);
            } else {
                let (emptied, kept) = target.split_at_mut(columns);
                kept.copy_from_slice(source.get(..width - columns).unwrap_or_default());
                emptied.fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves_and_zeros_come_in() {
        for (down, right, expected) in [
            (1, 0, [3.0, 4.0, 0.0, 0.0]),
            (-1, 0, [0.0, 0.0, 1.0, 2.0]),
            (0, 1, [2.0, 0.0, 4.0, 0.0]),
            (0, -1, [0.0, 1.0, 0.0, 3.0]),
            (1, 1, [4.0, 0.0, 0.0, 0.0]),
            (5, 0, [0.0; 4]),
            (0, -5, [0.0; 4]),
        ] {
            let (mut data, mut scratch) = (vec![1.0, 2.0, 3.0, 4.0], Vec::new());
            let mut image = Image {
                height: 2,
                width: 2,
                data: &mut data,
                scratch: &mut scratch,
            };
            shift(&mut image, down, right);
            mofang_types::testing::assert_close(&data, &expected, 0.0);
        }
    }
}
