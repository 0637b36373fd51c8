//! The weights times the gathered columns.
#![expect(unsafe_code, reason = "threads write their own columns of the output")]

use rayon::prelude::*;

use super::Epilogue;
use super::gather::{self, COPY, ColumnCopy, Gather, OutputGrid, Segment};
use crate::activation::clamp;
use crate::scratch::Scratch;
use crate::shared::SharedOutput;
use crate::simd::{Instructions, multiversioned};
use crate::tile_product::{InPlace, multiply_tile, multiply_tile_in_place};

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
    /// Packs the weights of `rows` rows and `channels` channels of each group.
    pub(super) fn new(
        weights: &[f32],
        groups: usize,
        rows: usize,
        channels: usize,
        strides: &WeightStrides,
    ) -> Self {
        let depth = channels * strides.taps.len();
        let mut packed = Self {
            values: Scratch::take(groups * rows * depth),
            instructions: Instructions::best(),
            groups,
            rows,
            depth,
        };
        let layout = packed.layout();
        let mut rest = &mut packed.values[..];
        let mut tasks = Vec::new();
        for group in 0..groups {
            for steps in layout.blocks() {
                for (first, last) in layout.tiles() {
                    let (tile, behind) = rest.split_at_mut((last - first) * (steps.1 - steps.0));
                    rest = behind;
                    let start = group * strides.group + first * strides.row;
                    tasks.push((&weights[start..], last - first, steps, tile));
                }
            }
        }
        let pack = |(weights, rows, steps, tile): (&[f32], usize, (usize, usize), &mut [f32])| {
            pack_tile(weights, rows, steps, strides, tile);
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

/// Where weights lie in memory.
#[derive(Debug)]
pub(super) struct WeightStrides {
    /// From one group to the next.
    pub(super) group: usize,
    /// From one row to the next.
    pub(super) row: usize,
    /// From one channel to the next.
    pub(super) channel: usize,
    /// The place of each tap.
    pub(super) taps: Vec<usize>,
}

/// Packs `rows` rows, step by step.
fn pack_tile(
    weights: &[f32],
    rows: usize,
    steps: (usize, usize),
    strides: &WeightStrides,
    tile: &mut [f32],
) {
    let taps = strides.taps.len();
    let is_contiguous = strides.channel == taps && strides.taps.iter().copied().eq(0..taps);
    for row in 0..rows {
        let weights = &weights[row * strides.row..];
        if is_contiguous {
            let weights = &weights[steps.0..steps.1];
            for (values, weight) in tile.chunks_exact_mut(rows).zip(weights) {
                values[row] = *weight;
            }
            continue;
        }
        let targets = tile[row..].iter_mut().step_by(rows);
        let mut taps_left = strides.taps[steps.0 % taps..].iter();
        let mut channel = steps.0 / taps * strides.channel;
        for value in targets {
            let tap = taps_left.next().unwrap_or_else(|| {
                channel += strides.channel;
                taps_left = strides.taps.iter();
                taps_left.next().unwrap_or(&0)
            });
            *value = weights[channel + tap];
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
    pub(super) epilogue: Epilogue<'a>,
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
                    self.work(
                        task,
                        Planes {
                            values: images,
                            first,
                        },
                        &output,
                    );
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
                pixels: (part * share, ((part + 1) * share).min(self.batch * pixels)),
                tiles: (
                    split * layout.tiles / splits,
                    (split + 1) * layout.tiles / splits,
                ),
            };
            self.work(task, planes, &output);
        });
    }

    fn work(&self, task: Task, planes: Planes<'_>, output: &SharedOutput<'_>) {
        let mut buffers = Buffers::new(self.weights);
        for group in 0..self.weights.groups {
            let sharing = if self.weights.rows * self.weights.depth > CACHED_WEIGHTS {
                SHARING_TILES
            } else {
                1
            };
            if self.weights.depth == 0 {
                // No tap reaches these pixels: the sum is empty.
                let (from, to) = task.pixels;
                self.gather
                    .segments(from, to, usize::MAX, &self.grid, &mut buffers.segments);
                self.fill(group, &buffers.segments, output);
                continue;
            }
            buffers.find_steps(self, group);
            let mut panels = Panels::new(self, task.pixels);
            loop {
                let shared = panels.clone();
                let taken = panels.by_ref().take(sharing).count();
                if taken == 0 {
                    break;
                }
                for (start, end) in self.weights.layout().blocks() {
                    for panel in shared.clone().take(taken) {
                        self.panel(
                            group,
                            (start, end),
                            panel,
                            task,
                            planes,
                            &mut buffers,
                            output,
                        );
                    }
                }
            }
        }
    }

    /// Multiplies a block of the weights with a panel of columns.
    #[expect(
        clippy::too_many_arguments,
        reason = "the loops around it are in `work`"
    )]
    fn panel(
        &self,
        group: usize,
        (start, end): (usize, usize),
        (from, to): (usize, usize),
        task: Task,
        planes: Planes<'_>,
        buffers: &mut Buffers,
        output: &SharedOutput<'_>,
    ) {
        let PackedWeights {
            instructions,
            groups,
            rows,
            depth,
            ..
        } = *self.weights;
        let columns = instructions.columns();
        let image_stride = groups * self.channels * self.gather.plane();
        let Buffers {
            gathered,
            tile,
            segments,
            parts,
            copies,
            steps,
        } = buffers;
        let in_place = self.in_place(from, to, planes, image_stride, segments);
        let steps = &steps[start..end];
        if in_place.is_none() {
            self.gather
                .segments(from, to, usize::MAX, &self.grid, segments);
            gather::copies(segments, planes.first, image_stride, copies);
            gather::gather(planes.values, steps, copies, columns, gathered);
        }
        join(segments, &self.grid, parts);
        let stage = Stage {
            is_first: start == 0,
            is_last: end == depth,
        };
        let weights = &self.weights.values[group * rows * depth..(group + 1) * rows * depth];
        let tiles = self.weights.layout().tiles();
        for (first, last) in tiles.take(task.tiles.1).skip(task.tiles.0) {
            let height = last - first;
            let place = start * rows + first * (end - start);
            let left = &weights[place..place + height * (end - start)];
            if let Some(starts) = in_place {
                let right = InPlace {
                    values: planes.values,
                    steps,
                    starts,
                };
                multiply_tile_in_place(instructions, height, left, right, tile);
            } else {
                let right = &gathered[..(end - start) * columns];
                multiply_tile(instructions, height, left, right, tile);
            }
            let epilogue = self
                .epilogue
                .part(group * rows + first..group * rows + last);
            write_tile(
                output,
                &tile[..height * columns],
                columns,
                parts,
                &self.grid,
                [groups * rows, group * rows + first],
                epilogue,
                stage,
            );
        }
    }

    /// Where the panel's two vectors lie, when they need not be gathered, and its segments.
    fn in_place(
        &self,
        from: usize,
        to: usize,
        planes: Planes<'_>,
        image_stride: usize,
        segments: &mut Vec<Segment>,
    ) -> Option<[usize; 2]> {
        let lanes = self.weights.instructions.lanes();
        if !self.is_by_vectors() {
            return None;
        }
        self.gather.segments(from, to, lanes, &self.grid, segments);
        let start = |segment: &Segment| {
            let image = (segment.image - planes.first) * image_stride;
            image + segment.source
        };
        // The last vectors of planes that are used as they are may reach beyond their end.
        let farthest = (self.channels * self.weights.groups - 1) * self.gather.plane()
            + self.gather.offsets_max();
        let fits = |start: usize| start + farthest + lanes <= planes.values.len();
        let starts = match segments.as_mut_slice() {
            [only] => [start(only), start(only)],
            [first, second] => {
                second.column = lanes;
                [start(first), start(second)]
            }
            _ => return None,
        };
        starts.into_iter().all(fits).then_some(starts)
    }

    /// Whether vectors of pixels are taken in place, row by row of the grid: where few lanes are wasted.
    fn is_by_vectors(&self) -> bool {
        let lanes = self.weights.instructions.lanes();
        let width = self.gather.grid[1];
        8 * width >= 7 * width.next_multiple_of(lanes)
    }

    fn fill(&self, group: usize, segments: &[Segment], output: &SharedOutput<'_>) {
        let PackedWeights { groups, rows, .. } = *self.weights;
        for row in 0..rows {
            let [_, bias] = self.epilogue.of(group * rows + row);
            let value = clamp(bias, self.epilogue.activation.bounds());
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

/// What a task works in.
struct Buffers {
    gathered: Scratch,
    tile: [f32; 14 * 32],
    segments: Vec<Segment>,
    parts: Vec<Segment>,
    copies: Vec<ColumnCopy>,
    /// The place of each channel and tap of the group in the planes of an image.
    steps: Vec<usize>,
}

impl Buffers {
    fn new(weights: &PackedWeights) -> Self {
        let steps = weights.depth.div_ceil(weights.layout().blocks.max(1)) + 1;
        Self {
            gathered: Scratch::take(steps * weights.instructions.columns() + 2 * COPY),
            tile: [0.0; 14 * 32],
            segments: Vec::new(),
            parts: Vec::new(),
            copies: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn find_steps(&mut self, product: &Product<'_>, group: usize) {
        product
            .gather
            .steps(group * product.channels, product.channels, &mut self.steps);
    }
}

/// The pixels of each panel of a task.
#[derive(Debug, Clone)]
struct Panels {
    pixel: usize,
    end: usize,
    /// Pixels of a row of the grid, where panels are two vectors within rows.
    row: Option<usize>,
    lanes: usize,
}

impl Panels {
    fn new(product: &Product<'_>, (pixel, end): (usize, usize)) -> Self {
        Self {
            pixel,
            end,
            row: product.is_by_vectors().then_some(product.gather.grid[1]),
            lanes: product.weights.instructions.lanes(),
        }
    }
}

impl Iterator for Panels {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let start = self.pixel;
        if start >= self.end {
            return None;
        }
        for _ in 0..2 {
            let room = self
                .row
                .map_or(self.lanes, |row| (row - self.pixel % row).min(self.lanes));
            self.pixel = (self.pixel + room).min(self.end);
        }
        Some((start, self.pixel))
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
    is_last: bool,
}

/// Segments that lie side by side in the output as one.
fn join(segments: &[Segment], grid: &OutputGrid, joined: &mut Vec<Segment>) {
    joined.clear();
    for segment in segments {
        match joined.last_mut() {
            Some(last)
                if grid.column == 1
                    && last.column + last.length == segment.column
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
    /// Writes the rows of a tile into the output, or adds them to what is there.
    #[expect(clippy::too_many_arguments, reason = "it is one loop over all of them")]
    fn write_tile(
        output: &SharedOutput<'_>,
        tile: &[f32],
        columns: usize,
        segments: &[Segment],
        grid: &OutputGrid,
        rows: [usize; 2],
        epilogue: Epilogue<'_>,
        stage: Stage,
    ) {
        let [all_rows, first_row] = rows;
        let bounds = epilogue.activation.bounds();
        for (row, values) in tile.chunks_exact(columns).enumerate() {
            let [scale, bias] = epilogue.of(row);
            for segment in segments {
                let plane = segment.image * all_rows + first_row + row;
                let start = plane * grid.plane + segment.output;
                let length = (segment.length - 1) * grid.column + 1;
                let part = output.part(start, length);
                let values = &values[segment.column..segment.column + segment.length];
                if grid.column > 1 {
                    for (output, value) in part.iter_mut().step_by(grid.column).zip(values) {
                        let sum = if stage.is_first { *value } else { *output + value };
                        *output = if stage.is_last { clamp(sum * scale + bias, bounds) } else { sum };
                    }
                    continue;
                }
                let pairs = part.iter_mut().zip(values);
                match (stage.is_first, stage.is_last) {
                    (true, true) => pairs.for_each(|(output, value)| {
                        *output = clamp(value * scale + bias, bounds);
                    }),
                    (true, false) => pairs.for_each(|(output, value)| *output = *value),
                    (false, true) => pairs.for_each(|(output, value)| {
                        *output = clamp((*output + value) * scale + bias, bounds);
                    }),
                    (false, false) => pairs.for_each(|(output, value)| *output += value),
                }
            }
        }
    }
}
