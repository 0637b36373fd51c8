//! Convolution of each channel for itself (depthwise: Sifre 2014; Howard et al. 2017,
//! <https://arxiv.org/abs/1704.04861>): one thread per plane, all taps in one pass.

use rayon::prelude::*;

use super::Conv2dGeometry;
use super::gather::{COPY, Gather, OutputGrid};
use crate::activation::{Activation, clamp};
use crate::scratch::Scratch;
use crate::simd::multiversioned;

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
    bias: Option<&[f32]>,
    activation: Activation,
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
        .for_each(|(place, (output, source))| {
            let channel = place % channels;
            let mut padded = gather.buffer(1);
            padded[gather.plane()..].fill(0.0);
            gather.pad(source, &mut padded[..gather.plane()]);
            let taps: Vec<(usize, f32)> = offsets
                .iter()
                .enumerate()
                .map(|(tap, offset)| (*offset, weight(channel, tap)))
                .collect();
            let bias = bias.map_or(0.0, |bias| bias[channel]);
            filter(
                &padded,
                gather,
                &taps,
                bias,
                activation.bounds(),
                grid,
                output,
            );
        });
}

multiversioned! {
    /// Filters a padded plane.
    fn filter(
        padded: &[f32],
        gather: &Gather,
        taps: &[(usize, f32)],
        bias: f32,
        bounds: [f32; 2],
        grid: &OutputGrid,
        output: &mut [f32],
    ) {
        let [height, width] = gather.grid;
        for y in 0..height {
            let source = gather.row_start(y);
            let target = &mut output[grid.start + y * grid.row..];
            let mut x = 0;
            while x < width {
                let mut sums = [bias; LANES];
                for (offset, weight) in taps {
                    let from = source + offset + x;
                    for (sum, value) in sums.iter_mut().zip(&padded[from..from + LANES]) {
                        *sum += weight * value;
                    }
                }
                let length = (width - x).min(LANES);
                if grid.column == 1 && length == LANES {
                    for (output, sum) in target[x..x + LANES].iter_mut().zip(sums) {
                        *output = clamp(sum, bounds);
                    }
                } else {
                    let targets = target[x * grid.column..].iter_mut().step_by(grid.column);
                    for (output, sum) in targets.zip(&sums[..length]) {
                        *output = clamp(*sum, bounds);
                    }
                }
                x += LANES;
            }
        }
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
