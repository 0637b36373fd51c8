//! Random crop with padding.

use mofang_types::Tensor;
use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::sizes;

/// Pads with zeros on every side and cuts the old size out at a random place: a shift by up to `padding`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomCrop {
    /// Pixels added on each side.
    pub padding: usize,
}

impl RandomCrop {
    pub(super) fn apply(&self, image: &mut Tensor, randomness: &mut dyn Rng) {
        let (_, height, width) = sizes(image);
        let mut offset = || {
            randomness.random_range(0..=2 * self.padding).cast_signed() - self.padding.cast_signed()
        };
        let (down, right) = (offset(), offset());
        let source = image.data().to_vec();
        let plane = (height * width).max(1);
        for (target, source) in image
            .data_mut()
            .chunks_exact_mut(plane)
            .zip(source.chunks_exact(plane))
        {
            target.fill(0.0);
            for (row, target) in target.chunks_exact_mut(width).enumerate() {
                let Some(from) = row.checked_add_signed(down).filter(|from| *from < height) else {
                    continue;
                };
                let source = source
                    .get(from * width..(from + 1) * width)
                    .unwrap_or_default();
                let shift = right.unsigned_abs().min(width);
                let length = width - shift;
                let (source, target) = if right >= 0 {
                    (source.get(shift..), target.get_mut(..length))
                } else {
                    (source.get(..length), target.get_mut(shift..))
                };
                if let (Some(source), Some(target)) = (source, target) {
                    target.copy_from_slice(source);
                }
            }
        }
    }
}
