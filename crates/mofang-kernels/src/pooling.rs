//! Pooling of images: the maximum or the mean of windows, and the mean of areas.
//!
//! Planes are `[batch · channels, height, width]`. A window never begins beyond the image and its
//! padding; padding is never the maximum. All three split their work over planes.

use rayon::prelude::*;

use crate::KernelError;
use crate::error::check_length;
use crate::simd::multiversioned;

/// Windows over planes; pairs are `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolGeometry {
    planes: usize,
    size: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    output: [usize; 2],
}

impl PoolGeometry {
    /// Windows over `planes` planes of `size`, as many as `output` says (which a last window that reaches
    /// over the edge makes one more than usual).
    ///
    /// # Errors
    /// When there are no such windows: a window that lies in the padding alone, a size of 0, more than
    /// 256 values in a window.
    pub fn new(
        planes: usize,
        size: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        output: [usize; 2],
    ) -> Result<Self, KernelError> {
        let fits = |axis: usize| {
            let last = output[axis]
                .checked_sub(1)
                .and_then(|last| last.checked_mul(stride[axis]));
            kernel[axis] > 0
                && stride[axis] > 0
                && padding[axis] < kernel[axis]
                && last.is_some_and(|last| last < size[axis] + padding[axis])
        };
        let is_small = kernel[0]
            .checked_mul(kernel[1])
            .is_some_and(|taps| taps <= 256);
        if !(is_small && fits(0) && fits(1)) {
            return Err(KernelError::Geometry {
                operation: "pooling",
                size,
            });
        }
        Ok(Self {
            planes,
            size,
            kernel,
            stride,
            padding,
            output,
        })
    }

    /// Values of the input.
    pub fn input_length(&self) -> usize {
        self.planes * self.size[0] * self.size[1]
    }

    /// Values of the output.
    pub fn output_length(&self) -> usize {
        self.planes * self.output[0] * self.output[1]
    }

    /// The taps of the window at `place` that lie within the image, along an axis.
    #[inline]
    fn taps(&self, axis: usize, place: usize) -> (usize, usize) {
        let start = place * self.stride[axis];
        let first = self.padding[axis].saturating_sub(start);
        let end = (self.size[axis] + self.padding[axis]).saturating_sub(start);
        (first, self.kernel[axis].min(end))
    }

    fn check(&self, input: &[f32], output: &[f32]) -> Result<(), KernelError> {
        check_length("the input", input, self.input_length())?;
        check_length("the output", output, self.output_length())
    }
}

/// The largest value of each window, and the number of its tap, of which the first counts. A NaN is
/// larger than any number.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn max(
    geometry: &PoolGeometry,
    input: &[f32],
    output: &mut [f32],
) -> Result<Vec<u8>, KernelError> {
    geometry.check(input, output)?;
    let mut taps = vec![0_u8; output.len()];
    if output.is_empty() {
        return Ok(taps);
    }
    let pixels = geometry.output[0] * geometry.output[1];
    let plane = geometry.size[0] * geometry.size[1];
    output
        .par_chunks_exact_mut(pixels)
        .zip(taps.par_chunks_exact_mut(pixels))
        .zip(input.par_chunks_exact(plane))
        .for_each(|((output, taps), input)| max_plane(geometry, input, output, taps));
    Ok(taps)
}

multiversioned! {
    fn max_plane(geometry: &PoolGeometry, input: &[f32], output: &mut [f32], taps: &mut [u8]) {
        let [_, width] = geometry.size;
        let columns = geometry.output[1];
        let rows = output.chunks_exact_mut(columns).zip(taps.chunks_exact_mut(columns));
        let is_halving = geometry.kernel == [2, 2] && geometry.stride == [2, 2]
            && geometry.padding == [0, 0];
        for (y, (output, taps)) in rows.enumerate() {
            if is_halving && 2 * y + 1 < geometry.size[0] && 2 * columns <= width {
                let upper = input[2 * y * width..][..2 * columns].as_chunks::<2>().0;
                let lower = input[(2 * y + 1) * width..][..2 * columns].as_chunks::<2>().0;
                let targets = output.iter_mut().zip(taps);
                for ((output, tap), (upper, lower)) in targets.zip(upper.iter().zip(lower)) {
                    let (mut value, mut place) = (upper[0], 0);
                    for (number, other) in [upper[1], lower[0], lower[1]].into_iter().enumerate() {
                        let is_larger = (other > value) | other.is_nan();
                        value = if is_larger { other } else { value };
                        place = if is_larger { number as u8 + 1 } else { place };
                    }
                    *output = value;
                    *tap = place;
                }
                continue;
            }
            let (first_row, last_row) = geometry.taps(0, y);
            for (x, (output, tap)) in output.iter_mut().zip(taps).enumerate() {
                let (first_column, last_column) = geometry.taps(1, x);
                let mut best = None;
                for i in first_row..last_row {
                    let row = (y * geometry.stride[0] + i - geometry.padding[0]) * width;
                    for j in first_column..last_column {
                        let value = input[row + x * geometry.stride[1] + j - geometry.padding[1]];
                        let is_larger =
                            best.is_none_or(|(best, _)| value > best || value.is_nan());
                        if is_larger {
                            best = Some((value, i * geometry.kernel[1] + j));
                        }
                    }
                }
                let (value, place) = best.unwrap_or((f32::NEG_INFINITY, 0));
                *output = value;
                *tap = place as u8;
            }
        }
    }
}

/// The gradient of [`max`] by its input: each slope goes to the tap that was the largest.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn max_gradient(
    geometry: &PoolGeometry,
    taps: &[u8],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<(), KernelError> {
    geometry.check(input_gradient, output_gradient)?;
    if taps.len() != output_gradient.len() {
        return Err(KernelError::Length {
            what: "the taps",
            expected: output_gradient.len(),
            actual: taps.len(),
        });
    }
    if input_gradient.is_empty() {
        return Ok(());
    }
    let [rows, columns] = geometry.output;
    let width = geometry.size[1];
    input_gradient
        .par_chunks_exact_mut(geometry.size[0] * width)
        .zip(output_gradient.par_chunks_exact(rows * columns))
        .zip(taps.par_chunks_exact(rows * columns))
        .for_each(|((target, slopes), taps)| {
            target.fill(0.0);
            let lines = slopes.chunks_exact(columns).zip(taps.chunks_exact(columns));
            for (y, (slopes, taps)) in lines.enumerate() {
                for (x, (slope, tap)) in slopes.iter().zip(taps).enumerate() {
                    let (i, j) = (
                        usize::from(*tap) / geometry.kernel[1],
                        usize::from(*tap) % geometry.kernel[1],
                    );
                    let row = (y * geometry.stride[0] + i).wrapping_sub(geometry.padding[0]);
                    let column = (x * geometry.stride[1] + j).wrapping_sub(geometry.padding[1]);
                    // Taps that `max` did not give reach nothing.
                    if column < width
                        && let Some(target) =
                            target.get_mut(row.wrapping_mul(width).wrapping_add(column))
                    {
                        *target += slope;
                    }
                }
            }
        });
    Ok(())
}

/// How the mean of a window counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Divisor {
    /// Zeros of the padding count.
    WithPadding,
    /// Only values of the image count.
    WithoutPadding,
}

impl PoolGeometry {
    /// `1 / the number of values that count` in the window.
    fn share(&self, place: [usize; 2], divisor: Divisor) -> f32 {
        let count: usize = (0..2)
            .map(|axis| match divisor {
                Divisor::WithPadding => {
                    let room = self.size[axis] + 2 * self.padding[axis];
                    self.kernel[axis].min(room - place[axis] * self.stride[axis])
                }
                Divisor::WithoutPadding => {
                    let (first, last) = self.taps(axis, place[axis]);
                    last.saturating_sub(first)
                }
            })
            .product();
        1.0 / count.max(1) as f32
    }

    /// Calls `each` with the place of every value of the window.
    #[inline]
    fn for_window(&self, [y, x]: [usize; 2], mut each: impl FnMut(usize)) {
        let (first_row, last_row) = self.taps(0, y);
        let (first_column, last_column) = self.taps(1, x);
        for i in first_row..last_row {
            let row = (y * self.stride[0] + i - self.padding[0]) * self.size[1];
            for j in first_column..last_column {
                each(row + x * self.stride[1] + j - self.padding[1]);
            }
        }
    }
}

/// The mean of each window.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn average(
    geometry: &PoolGeometry,
    divisor: Divisor,
    input: &[f32],
    output: &mut [f32],
) -> Result<(), KernelError> {
    geometry.check(input, output)?;
    let [rows, columns] = geometry.output;
    if output.is_empty() {
        return Ok(());
    }
    output
        .par_chunks_exact_mut(rows * columns)
        .zip(input.par_chunks_exact(geometry.size[0] * geometry.size[1]))
        .for_each(|(output, input)| {
            for (place, output) in output.iter_mut().enumerate() {
                let place = [place / columns, place % columns];
                let mut sum = 0.0;
                geometry.for_window(place, |from| sum += input[from]);
                *output = sum * geometry.share(place, divisor);
            }
        });
    Ok(())
}

/// The gradient of [`average`] by its input.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn average_gradient(
    geometry: &PoolGeometry,
    divisor: Divisor,
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<(), KernelError> {
    geometry.check(input_gradient, output_gradient)?;
    let [rows, columns] = geometry.output;
    if input_gradient.is_empty() {
        return Ok(());
    }
    input_gradient
        .par_chunks_exact_mut(geometry.size[0] * geometry.size[1])
        .zip(output_gradient.par_chunks_exact(rows * columns))
        .for_each(|(target, slopes)| {
            target.fill(0.0);
            for (place, slope) in slopes.iter().enumerate() {
                let place = [place / columns, place % columns];
                let slope = slope * geometry.share(place, divisor);
                geometry.for_window(place, |to| target[to] += slope);
            }
        });
    Ok(())
}

/// Areas that cover planes; pairs are `[height, width]`.
///
/// Area `i` of `n` over a size of `s` goes from `⌊i·s/n⌋` to `⌈(i+1)·s/n⌉`, as in PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AreaGeometry {
    /// Planes.
    pub planes: usize,
    /// The size of a plane.
    pub size: [usize; 2],
    /// The number of areas.
    pub areas: [usize; 2],
}

impl AreaGeometry {
    fn check(&self, input: &[f32], output: &[f32]) -> Result<(), KernelError> {
        let length =
            |[height, width]: [usize; 2]| self.planes.saturating_mul(height).saturating_mul(width);
        check_length("the input", input, length(self.size))?;
        check_length("the output", output, length(self.areas))
    }

    fn range(&self, axis: usize, place: usize) -> std::ops::Range<usize> {
        let (size, areas) = (self.size[axis], self.areas[axis]);
        place * size / areas..((place + 1) * size).div_ceil(areas)
    }

    /// Calls `each` with the rows of an area as ranges of a plane.
    fn for_rows(&self, place: usize, mut each: impl FnMut(std::ops::Range<usize>)) -> f32 {
        let rows = self.range(0, place / self.areas[1]);
        let columns = self.range(1, place % self.areas[1]);
        let count = rows.len() * columns.len();
        for row in rows {
            let start = row * self.size[1];
            each(start + columns.start..start + columns.end);
        }
        count as f32
    }
}

/// The mean of each area (adaptive average pooling).
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn area_average(
    geometry: &AreaGeometry,
    input: &[f32],
    output: &mut [f32],
) -> Result<(), KernelError> {
    geometry.check(input, output)?;
    if input.is_empty() || output.is_empty() {
        output.fill(f32::NAN);
        return Ok(());
    }
    let plane = geometry.size[0] * geometry.size[1];
    output
        .par_chunks_exact_mut(geometry.areas[0] * geometry.areas[1])
        .zip(input.par_chunks_exact(plane))
        .for_each(|(output, input)| {
            if let [whole] = output {
                *whole = narrow(crate::sums::sum(input) / plane as f64);
                return;
            }
            for (place, output) in output.iter_mut().enumerate() {
                let mut sum = 0.0;
                let count = geometry.for_rows(place, |row| sum += input[row].iter().sum::<f32>());
                *output = sum / count;
            }
        });
    Ok(())
}

/// The gradient of [`area_average`] by its input.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn area_average_gradient(
    geometry: &AreaGeometry,
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<(), KernelError> {
    geometry.check(input_gradient, output_gradient)?;
    if input_gradient.is_empty() || output_gradient.is_empty() {
        input_gradient.fill(0.0);
        return Ok(());
    }
    input_gradient
        .par_chunks_exact_mut(geometry.size[0] * geometry.size[1])
        .zip(output_gradient.par_chunks_exact(geometry.areas[0] * geometry.areas[1]))
        .for_each(|(target, slopes)| {
            target.fill(0.0);
            for (place, slope) in slopes.iter().enumerate() {
                let count = geometry.for_rows(place, |_| ());
                geometry.for_rows(place, |row| {
                    for target in &mut target[row] {
                        *target += slope / count;
                    }
                });
            }
        });
    Ok(())
}

fn narrow(value: f64) -> f32 {
    value as f32
}
