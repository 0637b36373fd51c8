//! Convolution of each channel for itself (depthwise: Sifre 2014; Howard et al. 2017,
//! <https://arxiv.org/abs/1704.04861>): one thread per plane, all taps in one pass.

use rayon::prelude::*;

use super::Conv2dGeometry;
use super::Epilogue;
use super::gather::{COPY, Gather, OutputGrid};
use crate::activation::clamp;
use crate::scratch::Scratch;
use crate::simd::multiversioned;

/// Least planes that a thread takes at once.
const PLANES_MIN: usize = 4;

/// Values that are summed side by side.
const LANES: usize = 16;

/// For each pixel of the grid, the sum over the taps, of each plane for itself.
#[expect(clippy::too_many_arguments, reason = "it is what a convolution takes")]
pub(super) fn apply(
    batch: usize,
    channels: usize,
    gather: &Gather,
    grid: &OutputGrid,
    weight: impl Fn(usize, usize) -> f32 + Sync,
    epilogue: Epilogue<'_>,
    source: &[f32],
    output: &mut [f32],
) {
    debug_assert_eq!(output.len(), batch * channels * grid.plane);
    let plane = gather.source[0] * gather.source[1];
    let offsets = gather.offsets();
    output
        .par_chunks_exact_mut(grid.plane)
        .zip(source.par_chunks_exact(plane))
        .enumerate()
        .with_min_len(PLANES_MIN)
        .for_each_init(
            || {
                let mut padded = gather.buffer(1);
                padded.fill(0.0);
                (padded, Vec::new())
            },
            |(padded, taps), (place, (output, source))| {
                let channel = place % channels;
                gather.pad(source, &mut padded[..gather.plane()]);
                taps.clear();
                for (tap, offset) in offsets.iter().enumerate() {
                    taps.push((*offset, weight(channel, tap)));
                }
                filter(
                    padded,
                    gather,
                    taps,
                    epilogue.part(channel..channel + 1),
                    grid,
                    output,
                );
            },
        );
}

multiversioned! {
    /// Filters a padded plane.
    fn filter(
        padded: &[f32],
        gather: &Gather,
        taps: &[(usize, f32)],
        epilogue: Epilogue<'_>,
        grid: &OutputGrid,
        output: &mut [f32],
    ) {
        let [height, width] = gather.grid;
        for y in 0..height {
            let target = &mut output[grid.start + y * grid.row..];
            let mut x = 0;
            while x < width {
                let source = &padded[gather.row_start(y) + x..];
                let target = &mut target[x * grid.column..];
                let left = width - x;
                if left >= 4 * LANES {
                    filter_part::<{ 4 * LANES }>(source, taps, epilogue, grid.column, left, target);
                    x += 4 * LANES;
                } else if left >= 2 * LANES {
                    filter_part::<{ 2 * LANES }>(source, taps, epilogue, grid.column, left, target);
                    x += 2 * LANES;
                } else {
                    filter_part::<LANES>(source, taps, epilogue, grid.column, left, target);
                    x += LANES;
                }
            }
        }
    }
}

/// Filters so many neighbouring pixels, of which `left` are wanted.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled for the caller's instructions"
)]
fn filter_part<const SIZE: usize>(
    source: &[f32],
    taps: &[(usize, f32)],
    epilogue: Epilogue<'_>,
    column: usize,
    left: usize,
    target: &mut [f32],
) {
    let mut sums = [0.0_f32; SIZE];
    for (offset, weight) in taps {
        let Some(values) = source[*offset..].first_chunk::<SIZE>() else {
            return;
        };
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += weight * value;
        }
    }
    let [scale, bias] = epilogue.of(0);
    let bounds = epilogue.activation.bounds();
    for sum in &mut sums {
        *sum = clamp(*sum * scale + bias, bounds);
    }
    if column == 1
        && left >= SIZE
        && let Some(target) = target.first_chunk_mut::<SIZE>()
    {
        *target = sums;
        return;
    }
    for (output, sum) in target
        .iter_mut()
        .step_by(column)
        .zip(sums.iter().take(left))
    {
        *output = *sum;
    }
}

/// The gradient by the weights: for each tap the sum over all pixels and images.
pub(super) fn weight_gradient(
    geometry: &Conv2dGeometry,
    gather: &Gather,
    input: &[f32],
    output_gradient: &[f32],
    weight_gradient: &mut [f32],
) {
    let channels = geometry.channels_in;
    let plane = geometry.size[0] * geometry.size[1];
    let pixels = gather.pixels();
    let offsets = gather.offsets();
    weight_gradient
        .par_chunks_exact_mut(offsets.len())
        .enumerate()
        .for_each(|(channel, gradient)| {
            let mut padded = gather.buffer(1);
            padded[gather.plane()..].fill(0.0);
            // The output's gradient in rows of whole vectors, zeros behind each row.
            let row = gather.grid[1].next_multiple_of(LANES);
            let mut slopes = Scratch::take(gather.grid[0] * row);
            slopes.fill(0.0);
            let mut sums = vec![0.0_f64; offsets.len()];
            for image in 0..geometry.batch {
                let place = image * channels + channel;
                gather.pad(
                    &input[place * plane..(place + 1) * plane],
                    &mut padded[..gather.plane()],
                );
                let slope = &output_gradient[place * pixels..(place + 1) * pixels];
                for (slopes, slope) in slopes
                    .chunks_exact_mut(row)
                    .zip(slope.chunks_exact(gather.grid[1]))
                {
                    slopes[..slope.len()].copy_from_slice(slope);
                }
                correlate(&padded, gather, &offsets, &slopes, row, &mut sums);
            }
            for (gradient, sum) in gradient.iter_mut().zip(sums) {
                *gradient = super::narrow(sum);
            }
        });
}

multiversioned! {
    /// Adds, for each tap, the products of a padded plane and the slopes.
    fn correlate(
        padded: &[f32],
        gather: &Gather,
        offsets: &[usize],
        slopes: &[f32],
        row: usize,
        sums: &mut [f64],
    ) {
        let width = gather.grid[1];
        for (offset, total) in offsets.iter().zip(sums) {
            let mut lanes = [0.0_f32; LANES];
            for (y, slopes) in slopes.chunks_exact(row).enumerate() {
                let from = gather.row_start(y) + offset;
                let (slopes, _) = slopes.as_chunks::<LANES>();
                for (part, slopes) in slopes.iter().enumerate() {
                    let from = from + part * LANES;
                    let values = &padded[from..from + LANES];
                    let inside = width - part * LANES;
                    if inside >= LANES {
                        for (lane, (slope, value)) in lanes.iter_mut().zip(slopes.iter().zip(values)) {
                            *lane += slope * value;
                        }
                    } else {
                        // What lies behind the row must not count, not even as 0 · NaN.
                        let pairs = slopes[..inside].iter().zip(values);
                        for (lane, (slope, value)) in lanes.iter_mut().zip(pairs) {
                            *lane += slope * value;
                        }
                    }
                }
            }
            *total += lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>();
        }
    }
}

const _: () = assert!(LANES <= COPY, "rows are read so far beyond their ends");
