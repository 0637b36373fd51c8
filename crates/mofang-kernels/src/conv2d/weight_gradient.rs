//! The gathered columns times the gradient of the output.
//!
//! `gradient[o, (c, tap)] = Σ_pixels output_gradient[o, pixel] · column[(c, tap), pixel]`: the sum runs
//! over all pixels of all images. It falls into chunks of images by the geometry alone; each chunk is
//! summed by one thread, and the chunks' sums are added in their order.

use rayon::prelude::*;

use super::Conv2dGeometry;
use super::gather::{self, COPY, Gather, OutputGrid, Segment};
use crate::scratch::Scratch;
use crate::simd::{Instructions, multiversioned};
use crate::tile_product::{BLOCK, multiply_tile_by_rows};

/// Most chunks of images.
const CHUNKS_MAX: usize = 16;

/// Least pixels of a chunk: below, adding the chunks' sums costs too much.
const CHUNK_PIXELS_MIN: usize = 1024;

/// Least tasks, where there is so much to do.
const TASKS: usize = 8;

/// Most values of all chunks' sums together.
const SUMS_MAX: usize = 1 << 22;

/// Steps of the depth that are gathered at once: [`BLOCK`] pixels of them fill the first-level cache.
const STEPS_MAX: usize = 112;

/// Values of the sums that a thread adds at once.
const REDUCED: usize = 1 << 13;

/// Pixels that are worth padding images for.
const PIXELS_MIN: usize = 256;

/// How the work is split.
#[derive(Debug)]
struct Plan<'a> {
    geometry: &'a Conv2dGeometry,
    gather: &'a Gather,
    /// The place of each channel and tap in an image's padded planes.
    steps: Vec<usize>,
    instructions: Instructions,
    /// Channels and taps of a group.
    depth: usize,
    /// Output channels of a group, up to whole vectors.
    width: usize,
    /// Images of a chunk.
    chunk: usize,
}

pub(super) fn run(
    geometry: &Conv2dGeometry,
    gather: &Gather,
    input: &[f32],
    output_gradient: &[f32],
    weight_gradient: &mut [f32],
) {
    let instructions = Instructions::best();
    let depth = geometry.group_in() * gather.taps.len();
    let width = geometry.group_out().next_multiple_of(instructions.lanes());
    let sums_length = geometry.groups * depth * width;
    let pixels = geometry.batch * gather.pixels();
    let chunks = (SUMS_MAX / sums_length)
        .min(pixels / CHUNK_PIXELS_MIN)
        .clamp(1, CHUNKS_MAX)
        .min(geometry.batch);
    let mut steps = Vec::new();
    gather.steps(0, geometry.channels_in, &mut steps);
    let plan = Plan {
        geometry,
        gather,
        steps,
        instructions,
        depth,
        width,
        chunk: geometry.batch.div_ceil(chunks),
    };
    let chunks = geometry.batch.div_ceil(plan.chunk);
    // Few chunks: each is split by groups and by blocks of the depth, which gather anew.
    let blocks = depth.div_ceil(STEPS_MAX);
    let parts = (TASKS / chunks).clamp(1, geometry.groups * blocks);
    let mut sums = Scratch::take(chunks * sums_length);
    let mut tasks = Vec::new();
    let mut rest = &mut sums[..];
    for chunk in 0..chunks {
        for part in 0..parts {
            let units = |part: usize| part * geometry.groups * blocks / parts;
            let units = (units(part), units(part + 1));
            let length: usize = (units.0..units.1)
                .map(|unit| {
                    let (start, end) = block_steps(depth, blocks, unit % blocks);
                    (end - start) * width
                })
                .sum();
            let (own, behind) = rest.split_at_mut(length);
            rest = behind;
            tasks.push((chunk, units, own));
        }
    }
    tasks.into_par_iter().for_each(|(chunk, units, sums)| {
        sums.fill(0.0);
        plan.add_chunk(input, output_gradient, chunk, units, blocks, sums);
    });
    let (total, others) = sums.split_at_mut(sums_length);
    total
        .par_chunks_mut(REDUCED)
        .enumerate()
        .for_each(|(part, total)| {
            for chunk in others.chunks_exact(sums_length).take(chunks - 1) {
                add(
                    &chunk[part * REDUCED..][..total.len()],
                    total.len(),
                    total,
                    0,
                );
            }
        });
    let rows = geometry.group_out();
    weight_gradient
        .par_chunks_exact_mut(depth)
        .enumerate()
        .with_min_len(8)
        .for_each(|(place, gradient)| {
            let (group, row) = (place / rows, place % rows);
            let sums = total[group * depth * width + row..].iter().step_by(width);
            for (gradient, sum) in gradient.iter_mut().zip(sums) {
                *gradient = *sum;
            }
        });
}

/// A block of the depth.
fn block_steps(depth: usize, blocks: usize, block: usize) -> (usize, usize) {
    (block * depth / blocks, (block + 1) * depth / blocks)
}

impl Plan<'_> {
    /// Adds the sums of a chunk's images for these units (blocks of the depth of groups).
    fn add_chunk(
        &self,
        input: &[f32],
        output_gradient: &[f32],
        chunk: usize,
        units: (usize, usize),
        blocks: usize,
        sums: &mut [f32],
    ) {
        let (geometry, gather) = (self.geometry, self.gather);
        let channels = geometry.channels_in;
        let plane = geometry.size[0] * geometry.size[1];
        let together = PIXELS_MIN.div_ceil(gather.pixels()).min(self.chunk);
        let first = chunk * self.chunk;
        let last = (first + self.chunk).min(geometry.batch);
        let mut padded = if gather.is_plain() {
            Scratch::take(0)
        } else {
            gather.buffer(together * channels)
        };
        let mut image = first;
        while image < last {
            let end = (image + together).min(last);
            let images = &input[image * channels * plane..end * channels * plane];
            let planes = if gather.is_plain() {
                images
            } else {
                let targets = padded.chunks_exact_mut(gather.plane());
                for (source, target) in images.chunks_exact(plane).zip(targets) {
                    gather.pad(source, target);
                }
                &padded
            };
            self.add_images(planes, output_gradient, (image, end), units, blocks, sums);
            image = end;
        }
    }

    fn add_images(
        &self,
        planes: &[f32],
        output_gradient: &[f32],
        images: (usize, usize),
        units: (usize, usize),
        blocks: usize,
        sums: &mut [f32],
    ) {
        let geometry = self.geometry;
        let pixels = self.gather.pixels();
        let grid = OutputGrid::whole(geometry.output());
        let mut gathered = Scratch::take((STEPS_MAX + 1) * BLOCK + 2 * COPY);
        let mut turned = Scratch::take(self.width * BLOCK);
        let mut segments = Vec::new();
        let mut copies = Vec::new();
        let mut pixel = images.0 * pixels;
        while pixel < images.1 * pixels {
            let end = (pixel + BLOCK).min(images.1 * pixels);
            self.gather
                .segments(pixel, end, usize::MAX, &grid, &mut segments);
            let image_stride = geometry.channels_in * self.gather.plane();
            gather::copies(&segments, images.0, image_stride, &mut copies);
            let mut group_turned = None;
            let mut place = 0;
            for unit in units.0..units.1 {
                let (group, block) = (unit / blocks, unit % blocks);
                if group_turned != Some(group) {
                    self.turn(output_gradient, group, &segments, end - pixel, &mut turned);
                    group_turned = Some(group);
                }
                let (start, stop) = block_steps(self.depth, blocks, block);
                let steps = &self.steps[group * self.depth..][start..stop];
                gather::gather(planes, steps, &copies, BLOCK, &mut gathered);
                let rows = &mut gathered[..(stop - start) * BLOCK];
                if end - pixel < BLOCK {
                    // What lies behind the last pixel must not count, not even as 0 · NaN.
                    for row in rows.chunks_exact_mut(BLOCK) {
                        row[end - pixel..].fill(0.0);
                    }
                }
                let length = (stop - start) * self.width;
                self.add_tiles(rows, &turned, &mut sums[place..place + length]);
                place += length;
            }
            pixel = end;
        }
    }

    /// The output's gradient at these pixels, pixel by pixel, in tiles of up to two vectors of channels.
    fn turn(
        &self,
        output_gradient: &[f32],
        group: usize,
        segments: &[Segment],
        count: usize,
        turned: &mut [f32],
    ) {
        let geometry = self.geometry;
        let pixels = self.gather.pixels();
        let rows = geometry.group_out();
        for (start, end) in self.tiles() {
            let tile = &mut turned[start * BLOCK..end * BLOCK];
            if count < BLOCK || end > rows {
                tile.fill(0.0);
            }
            for segment in segments {
                let channel = segment.image * geometry.channels_out + group * rows + start;
                let source = &output_gradient[channel * pixels + segment.output..];
                turn(
                    source,
                    pixels,
                    segment.length,
                    end.min(rows) - start,
                    &mut tile[segment.column * (end - start)..],
                    end - start,
                );
            }
        }
    }

    /// The channels of each tile.
    fn tiles(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (columns, width) = (self.instructions.columns(), self.width);
        (0..width)
            .step_by(columns)
            .map(move |start| (start, (start + columns).min(width)))
    }

    fn add_tiles(&self, gathered: &[f32], turned: &[f32], sums: &mut [f32]) {
        let (rows, _) = gathered.as_chunks::<BLOCK>();
        let lanes = self.instructions.lanes();
        let tiles = rows.len().div_ceil(self.instructions.rows_max());
        let mut tile = [0.0_f32; 14 * 32];
        for part in 0..tiles {
            let first = part * rows.len() / tiles;
            let last = (part + 1) * rows.len() / tiles;
            for (start, end) in self.tiles() {
                multiply_tile_by_rows(
                    self.instructions,
                    (end - start) / lanes,
                    last - first,
                    &rows[first..last],
                    &turned[start * BLOCK..end * BLOCK],
                    &mut tile,
                );
                add(
                    &tile[..(last - first) * (end - start)],
                    end - start,
                    &mut sums[first * self.width + start..],
                    self.width,
                );
            }
        }
    }
}

multiversioned! {
    /// Adds the rows of a tile to rows of `sums` that are `stride` apart.
    fn add(tile: &[f32], columns: usize, sums: &mut [f32], stride: usize) {
        for (row, values) in tile.chunks_exact(columns).enumerate() {
            for (sum, value) in sums[row * stride..].iter_mut().zip(values) {
                *sum += value;
            }
        }
    }
}

multiversioned! {
    /// `target[pixel, channel] = source[channel, pixel]`
    fn turn(
        source: &[f32],
        plane: usize,
        pixels: usize,
        channels: usize,
        target: &mut [f32],
        width: usize,
    ) {
        for channel in 0..channels {
            let source = &source[channel * plane..channel * plane + pixels];
            for (value, target) in source.iter().zip(target.chunks_exact_mut(width)) {
                target[channel] = *value;
            }
        }
    }
}
