//! Random rotation around the middle.

use mofang_types::Tensor;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{sizes, symmetric};

/// Turns by up to `degrees` in either direction, bilinear, with zeros from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomRotation {
    /// Largest angle, 0 to 180.
    pub degrees: f32,
}

impl RandomRotation {
    pub(super) fn apply(&self, image: &mut Tensor, randomness: &mut dyn Rng) {
        let (_, height, width) = sizes(image);
        let (sin, cos) = symmetric(randomness, self.degrees).to_radians().sin_cos();
        let source = image.data().to_vec();
        let (middle_y, middle_x) = ((height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0);
        let plane = (height * width).max(1);
        for (target, source) in image
            .data_mut()
            .chunks_exact_mut(plane)
            .zip(source.chunks_exact(plane))
        {
            for (row, target) in target.chunks_exact_mut(width).enumerate() {
                for (column, value) in target.iter_mut().enumerate() {
                    let (y, x) = (row as f32 - middle_y, column as f32 - middle_x);
                    let from_y = cos * y - sin * x + middle_y;
                    let from_x = sin * y + cos * x + middle_x;
                    *value = sample(source, height, width, from_y, from_x);
                }
            }
        }
    }
}

/// The bilinear sample at a place, zero outside.
fn sample(plane: &[f32], height: usize, width: usize, y: f32, x: f32) -> f32 {
    let (top, left) = (y.floor(), x.floor());
    let at = |row: f32, column: f32| {
        let inside = row >= 0.0 && column >= 0.0 && row < height as f32 && column < width as f32;
        if inside {
            plane
                .get(row as usize * width + column as usize)
                .copied()
                .unwrap_or(0.0)
        } else {
            0.0
        }
    };
    let (down, right) = (y - top, x - left);
    let upper = at(top, left) * (1.0 - right) + at(top, left + 1.0) * right;
    let lower = at(top + 1.0, left) * (1.0 - right) + at(top + 1.0, left + 1.0) * right;
    upper * (1.0 - down) + lower * down
}

#[cfg(test)]
mod tests {
    use super::sample;

    #[test]
    fn samples_between_pixels_are_their_mean_and_zero_is_outside() {
        let plane = [0.0, 1.0, 2.0, 3.0];
        mofang_types::testing::assert_close(
            &[
                sample(&plane, 2, 2, 0.5, 0.5),
                sample(&plane, 2, 2, 1.0, 1.0),
                sample(&plane, 2, 2, 5.0, 5.0),
            ],
            &[1.5, 3.0, 0.0],
            1e-6,
        );
    }
}
