//! The weights times the gathered columns.
#![expect(
    unsafe_code,
    reason = "threads write their own columns of the output"
)]

use rayon::prelude::*;

use super::gather::{COPY, Gather, OutputGrid, Segment};
use crate::activation::{Activation, clamp};
use crate::scratch::Scratch;
use crate::shared::SharedOutput;
use crate::simd::{Instructions, multiply_tile, multiversioned};

/// Values of a tile's columns that stay in the first-level cache while the weights go by.
const CACHED_COLUMNS: usize = 8192;

/// Weights of a group that stay in the second-level cache while tiles go by.
const CACHED_WEIGHTS: usize = 1 << 17;

/// Tiles that share a part of the weights when these are more than [`CACHED_WEIGHTS`].
const SHARING_TILES: usize = 8;

/// Batches from here on are split by images.
const IMAGES_MIN: usize = 8;

/// Least work of a task, in pixels.
const PIXELS_MIN: usize = 128;

/// Parts into which a few images are split.
const PARTS: usize = 16;

/// The weights of every group, in the order in which [`multiply_tile`] reads them.
#[derive(Debug)]
pub(super) struct PackedWeights {
    /// `[groups, depth blocks, tiles, depth, rows of the tile]`
    values: Scratch,
    instructions: Instructions,
    groups: usize,
    /// Rows of a group.
    rows: usize,
    depth: usize,
}

impl PackedWeights {
    /// Packs `weight(group, row, step)`.
    pub(super) fn new(
        groups: usize,
        rows: usize,
        depth: usize,
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let mut packed = Self {
            values: Scratch::take(groups * rows * depth),
            instructions: Instructions::best(),
            groups,
            rows,
            depth,
        };
        let layout = packed.layout();
        let steps = layout.blocks().map(|(start, end)| (end - start) * rows);
        let mut rest = &mut packed.values[..];
        let mut tasks = Vec::new();
        let steps: Vec<usize> = steps.collect();
        for group in 0..groups {
            for (length, (start, end)) in steps.iter().zip(layout.blocks()) {
                for (first, last) in layout.tiles() {
                    debug_assert!(*length >= (last - first) * (end - start));
                    let (tile, behind) = rest.split_at_mut((last - first) * (end - start));
                    rest = behind;
                    tasks.push((group, start, first, last, tile));
                }
            }
        }
        let pack = |(group, start, first, last, tile): (usize, usize, usize, usize, &mut [f32])| {
            for (step, values) in tile.chunks_exact_mut(last - first).enumerate() {
                for (row, value) in values.iter_mut().enumerate() {
                    *value = weight(group, first + row, start + step);
                }
            }
        };
        if groups * rows * depth < CACHED_WEIGHTS {
            tasks.into_iter().for_each(pack);
        } else {
            tasks.into_par_iter().for_each(pack);
        }
        packed
    }

    fn layout(&self) -> WeightLayout {
        WeightLayout {
            rows: self.rows,
            depth: self.depth,
            tiles: self.rows.div_ceil(self.instructions.rows_max()),
            blocks: self
                .depth
                .div_ceil(CACHED_COLUMNS / self.instructions.columns()),
        }
    }
}

/// How rows fall into tiles and steps into blocks, both as evenly as they can.
#[derive(Debug, Clone, Copy)]
struct WeightLayout {
    rows: usize,
    depth: usize,
    tiles: usize,
    blocks: usize,
}

impl WeightLayout {
    fn tiles(self) -> impl Iterator<Item = (usize, usize)> {
        evenly(self.rows, self.tiles)
    }

    fn blocks(self) -> impl Iterator<Item = (usize, usize)> {
        evenly(self.depth, self.blocks)
    }
}

/// `parts` ranges over `length`.
fn evenly(length: usize, parts: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..parts).map(move |part| (part * length / parts, (part + 1) * length / parts))
}

/// For each pixel of the grid and each row of the weights, the sum over channels and taps.
pub(super) struct Product<'a> {
    pub(super) batch: usize,
    pub(super) gather: &'a Gather,
    pub(super) grid: OutputGrid,
    pub(super) weights: &'a PackedWeights,
    /// Channels of the source in a group.
    pub(super) channels: usize,
    /// A value for each row of each group.
    pub(super) bias: Option<&'a [f32]>,
    pub(super) activation: Activation,
}

/// A part of the output: these pixels of all images' pixels, and of each group's tiles these.
#[derive(Debug, Clone, Copy)]
struct Task {
    pixels: (usize, usize),
    tiles: (usize, usize),
}

/// Padded planes of the images from `first` on.
#[derive(Clone, Copy)]
struct Planes<'a> {
    values: &'a [f32],
    first: usize,
}

impl Product<'_> {
    pub(super) fn run(&self, source: &[f32], output: &mut [f32]) {
        let pixels = self.gather.pixels();
        if pixels == 0 || self.batch == 0 || self.weights.rows == 0 {
            return;
        }
        // SAFETY: tasks have different pixels or different rows, and a task takes one part at a time.
        // A part goes from its first pixel to its last one within a row of the grid, so that parts of
        // different pixels are apart even where the grid has gaps.
        let output = unsafe { SharedOutput::new(output) };
        let together = PIXELS_MIN.div_ceil(pixels);
        let layout = self.weights.layout();
        if self.batch.div_ceil(together) >= IMAGES_MIN {
            // Each task pads the images that it reads while they are in its cache.
            let tasks = self.batch.div_ceil(together);
            (0..tasks).into_par_iter().for_each(|task| {
                let first = task * together;
                let last = (first + together).min(self.batch);
                let task = Task {
                    pixels: (first * pixels, last * pixels),
                    tiles: (0, layout.tiles),
                };
                let planes = self.channels * self.weights.groups;
                let plane = self.gather.source[0] * self.gather.source[1];
                let images = &source[first * planes * plane..last * planes * plane];
                if self.gather.is_plain() {
                    self.work(task, Planes { values: images, first }, &output);
                    return;
                }
                let mut padded = self.gather.buffer((last - first) * planes);
                let length = self.gather.plane();
                for (place, padded) in padded.chunks_exact_mut(length).enumerate() {
                    let Some(image) = images.get(place * plane..(place + 1) * plane) else {
                        break;
                    };
                    self.gather.pad(image, padded);
                }
                self.work(
                    task,
                    Planes {
                        values: &padded,
                        first,
                    },
                    &output,
                );
            });
            return;
        }
        let padded = (!self.gather.is_plain()).then(|| pad_all(self.gather, source));
        let planes = Planes {
            values: padded.as_deref().unwrap_or(source),
            first: 0,
        };
        let columns = self.weights.instructions.columns();
        let tiles = (self.batch * pixels).div_ceil(columns);
        let share = tiles.div_ceil(PARTS).clamp(1, SHARING_TILES) * columns;
        let parts = (self.batch * pixels).div_ceil(share);
        // Few pixels: the rows are split too, although every part then gathers the same columns.
        let splits = (PARTS / 4).div_ceil(parts).min(layout.tiles);
        (0..parts * splits).into_par_iter().for_each(|part| {
            let (part, split) = (part / splits, part % splits);
            let task = Task {
                pixels: (
                    part * share,
                    ((part + 1) * share).min(self.batch * pixels),
                ),
                tiles: (
                    split * layout.tiles / splits,
                    (split + 1) * layout.tiles / splits,
                ),
            };
            self.work(task, planes, &output);
        });
    }

    fn work(&self, task: Task, planes: Planes<'_>, output: &SharedOutput<'_>) {
        let PackedWeights {
            instructions,
            groups,
            rows,
            depth,
            ..
        } = *self.weights;
        let layout = self.weights.layout();
        let columns = instructions.columns();
        let offsets = self.gather.offsets();
        let sharing = if rows * depth > CACHED_WEIGHTS {
            SHARING_TILES
        } else {
            1
        };
        let mut gathered = Scratch::take((depth.div_ceil(layout.blocks.max(1)) + 1) * columns + 2 * COPY);
        let mut tile = [0.0_f32; 14 * 32];
        let mut segments = Vec::new();
        let mut parts = Vec::new();
        for group in 0..groups {
            let weights = &self.weights.values[group * rows * depth..(group + 1) * rows * depth];
            let bias = self.bias.map(|bias| &bias[group * rows..(group + 1) * rows]);
            let mut from = task.pixels.0;
            while from < task.pixels.1 {
                let to = (from + sharing * columns).min(task.pixels.1);
                let mut blocks = layout.blocks().peekable();
                if layout.blocks == 0 {
                    // No tap reaches these pixels: the sum is empty.
                    self.gather
                        .segments(from, to, &self.grid, &mut segments);
                    self.fill(group, &segments, bias, output);
                }
                while let Some((start, end)) = blocks.next() {
                    let stage = Stage {
                        is_first: start == 0,
                        bounds: if blocks.peek().is_none() {
                            self.activation.bounds()
                        } else {
                            Activation::Identity.bounds()
                        },
                    };
                    let mut pixel = from;
                    while pixel < to {
                        let last = (pixel + columns).min(to);
                        self.gather
                            .segments(pixel, last, &self.grid, &mut segments);
                        join(&segments, &self.grid, &mut parts);
                        gather(
                            planes.values,
                            planes.first,
                            [groups * self.channels, group * self.channels],
                            self.gather.plane(),
                            &offsets,
                            (start, end),
                            &segments,
                            columns,
                            &mut gathered,
                        );
                        for (first, last) in layout.tiles().take(task.tiles.1).skip(task.tiles.0) {
                            let height = last - first;
                            let place = start * rows + first * (end - start);
                            let left = &weights[place..place + height * (end - start)];
                            multiply_tile(
                                instructions,
                                height,
                                left,
                                &gathered[..(end - start) * columns],
                                &mut tile,
                            );
                            write_tile(
                                output,
                                &tile[..height * columns],
                                columns,
                                &parts,
                                &self.grid,
                                [groups * rows, group * rows + first],
                                bias.map(|bias| &bias[first..last]),
                                stage,
                            );
                        }
                        pixel = last;
                    }
                }
                from = to;
            }
        }
    }

    fn fill(
        &self,
        group: usize,
        segments: &[Segment],
        bias: Option<&[f32]>,
        output: &SharedOutput<'_>,
    ) {
        let PackedWeights { groups, rows, .. } = *self.weights;
        for row in 0..rows {
            let value = bias.map_or(0.0, |bias| bias[row]);
            let value = clamp(value, self.activation.bounds());
            for segment in segments {
                let plane = segment.image * groups * rows + group * rows + row;
                let start = plane * self.grid.plane + segment.output;
                let length = (segment.length - 1) * self.grid.column + 1;
                let part = output.part(start, length);
                part.iter_mut()
                    .step_by(self.grid.column)
                    .for_each(|output| *output = value);
            }
        }
    }
}

/// All planes of `source`, padded.
pub(super) fn pad_all(gather: &Gather, source: &[f32]) -> Scratch {
    let plane = gather.source[0] * gather.source[1];
    let mut padded = gather.buffer(source.len() / plane);
    padded
        .par_chunks_exact_mut(gather.plane().max(1))
        .zip(source.par_chunks_exact(plane))
        .for_each(|(padded, source)| gather.pad(source, padded));
    padded
}

/// Where in the depth a part of a sum stands.
#[derive(Debug, Clone, Copy)]
struct Stage {
    is_first: bool,
    bounds: [f32; 2],
}

/// Segments that lie side by side in the output as one.
fn join(segments: &[Segment], grid: &OutputGrid, joined: &mut Vec<Segment>) {
    joined.clear();
    for segment in segments {
        match joined.last_mut() {
            Some(last)
                if grid.column == 1
                    && last.image == segment.image
                    && last.output + last.length == segment.output =>
            {
                last.length += segment.length;
            }
            _ => joined.push(*segment),
        }
    }
}

multiversioned! {
    /// Gathers the rows `steps` of the columns of a tile, row by row. What lies behind a row's last
    /// segment is anything.
    #[expect(clippy::too_many_arguments, reason = "it is one loop over all of them")]
    pub(super) fn gather(
        planes: &[f32],
        first_image: usize,
        channels: [usize; 2],
        plane: usize,
        offsets: &[usize],
        steps: (usize, usize),
        segments: &[Segment],
        columns: usize,
        gathered: &mut [f32],
    ) {
        let [all_channels, first_channel] = channels;
        let (mut channel, mut tap) = (steps.0 / offsets.len(), steps.0 % offsets.len());
        for row in 0..steps.1 - steps.0 {
            let to = &mut gathered[row * columns..];
            for segment in segments {
                let plane_start =
                    ((segment.image - first_image) * all_channels + first_channel + channel) * plane;
                let from = plane_start + offsets[tap] + segment.source;
                let mut done = 0;
                while done < segment.length {
                    // Whole vectors: what is copied too much is overwritten by what comes next.
                    let source = planes.get(from + done..from + done + COPY);
                    let target = &mut to[segment.column + done..segment.column + done + COPY];
                    if let Some(source) = source {
                        target.copy_from_slice(source);
                    } else {
                        let length = (segment.length - done).min(COPY);
                        let source = &planes[from + done..from + done + length];
                        target[..length].copy_from_slice(source);
                    }
                    done += COPY;
                }
            }
            tap += 1;
            if tap == offsets.len() {
                tap = 0;
                channel += 1;
            }
        }
    }
}

multiversioned! {
    /// Writes the rows of a tile into the output, or adds them to what is there.
    #[expect(clippy::too_many_arguments, reason = "it is one loop over all of them")]
    fn write_tile(
        output: &SharedOutput<'_>,
        tile: &[f32],
        columns: usize,
        segments: &[Segment],
        grid: &OutputGrid,
        rows: [usize; 2],
        bias: Option<&[f32]>,
        stage: Stage,
    ) {
        let [all_rows, first_row] = rows;
        for (row, values) in tile.chunks_exact(columns).enumerate() {
            let bias = bias.map_or(0.0, |bias| bias[row]);
            for segment in segments {
                let plane = segment.image * all_rows + first_row + row;
                let start = plane * grid.plane + segment.output;
                let length = (segment.length - 1) * grid.column + 1;
                let part = output.part(start, length);
                let values = &values[segment.column..segment.column + segment.length];
                if grid.column > 1 {
                    for (output, value) in part.iter_mut().step_by(grid.column).zip(values) {
                        let before = if stage.is_first { bias } else { *output };
                        *output = clamp(before + value, stage.bounds);
                    }
                } else if stage.is_first {
                    for (output, value) in part.iter_mut().zip(values) {
                        *output = clamp(bias + value, stage.bounds);
                    }
                } else {
                    for (output, value) in part.iter_mut().zip(values) {
                        *output = clamp(*output + value, stage.bounds);
                    }
                }
            }
        }
    }
}
