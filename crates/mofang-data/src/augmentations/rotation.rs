//! Random rotation around the middle.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{Image, symmetric};

/// Turns by up to `degrees` in either direction, bilinear, with zeros from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomRotation {
    /// Largest angle, 0 to 180.
    pub degrees: f32,
}

impl RandomRotation {
    pub(super) fn apply(&self, image: &mut Image<'_>, randomness: &mut dyn Rng) {
        rotate(image, symmetric(randomness, self.degrees));
    }
}

/// Turns clockwise.
fn rotate(image: &mut Image<'_>, degrees: f32) {
    let (height, width) = (image.height, image.width);
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (middle_y, middle_x) = ((height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0);
    for (target, source) in image.planes_with_copies() {
        for (row, target) in target.chunks_exact_mut(width).enumerate() {
            let y = row as f32 - middle_y;
            for (column, value) in target.iter_mut().enumerate() {
                let x = column as f32 - middle_x;
                let from_y = cos * y - sin * x + middle_y;
                let from_x = sin * y + cos * x + middle_x;
                *value = sample(source, height, width, from_y, from_x);
            }
        }
    }
}

/// The bilinear sample at a place, zero outside.
fn sample(plane: &[f32], height: usize, width: usize, y: f32, x: f32) -> f32 {
    let (top, left) = (y.floor(), x.floor());
    let (down, right) = (y - top, x - left);
    let (row, column) = (top as isize, left as isize);
    let at = |row: isize, column: isize| {
        let inside = usize::try_from(row).ok().filter(|row| *row < height);
        let column = usize::try_from(column).ok().filter(|at| *at < width);
        inside
            .zip(column)
            .and_then(|(row, column)| plane.get(row * width + column).copied())
            .unwrap_or(0.0)
    };
    let upper = at(row, column) * (1.0 - right) + at(row, column + 1) * right;
    let lower = at(row + 1, column) * (1.0 - right) + at(row + 1, column + 1) * right;
    upper * (1.0 - down) + lower * down
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_between_pixels_are_their_mean_and_zero_is_outside() {
        let plane = [0.0, 1.0, 2.0, 3.0];
        mofang_types::testing::assert_close(
            &[
                sample(&plane, 2, 2, 0.5, 0.5),
                sample(&plane, 2, 2, 1.0, 1.0),
                sample(&plane, 2, 2, 5.0, 5.0),
                sample(&plane, 2, 2, -0.5, 0.0),
            ],
            &[1.5, 3.0, 0.0, 0.0],
            1e-6,
        );
    }

    #[test]
    fn a_quarter_turn_moves_every_pixel_to_its_place() {
        let (mut data, mut scratch) = (vec![1.0, 2.0, 3.0, 4.0], Vec::new());
        let mut image = Image {
            height: 2,
            width: 2,
            data: &mut data,
            scratch: &mut scratch,
        };
        rotate(&mut image, 90.0);
        // Clockwise: the left column, read upwards, becomes the top row.
        mofang_types::testing::assert_close(&data, &[3.0, 1.0, 4.0, 2.0], 1e-5);
    }
}
