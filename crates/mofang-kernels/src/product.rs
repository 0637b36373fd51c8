//! Products of two matrices: both are packed, tiles are multiplied, and a tile's sum runs over the depth in
//! one order, whichever tile a value falls into.
#![expect(unsafe_code, reason = "threads write their own tiles of the output")]

use rayon::prelude::*;

use crate::activation::{Activation, clamp};
use crate::nonlinearity::{self, Nonlinearity};
use crate::scratch::Scratch;
use crate::shared::SharedOutput;
use crate::simd::{Instructions, multiversioned};
use crate::sums::add;
use crate::tile_product::{multiply_columns, multiply_tile, multiply_tile_into};
use crate::transpose::transpose;

/// Steps of the depth whose right columns stay in the first-level cache.
const CACHED_COLUMNS: usize = 8192;

/// Values of the left rows that stay in the second-level cache while the right columns go by.
const CACHED_LEFT: usize = 1 << 17;

/// Parts of the work, at least where the shape has as many.
const TASKS: usize = 16;

/// Values of the largest tile.
const TILE_MAX: usize = 14 * 32;

/// A matrix in memory: value `[row, column]` lies at `row · row_stride + column · column_stride`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row by row.
    pub(crate) fn rows(values: &'a [f32], columns: usize) -> Self {
        Self {
            values,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// The transpose of what is stored row by row.
    pub(crate) fn transposed(values: &'a [f32], rows: usize) -> Self {
        Self {
            values,
            row_stride: 1,
            column_stride: rows,
        }
    }

    /// The other way round.
    pub(crate) fn transpose(self) -> Self {
        Self {
            values: self.values,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Without the columns before `first`.
    pub(crate) fn columns_from(self, first: usize) -> Self {
        let start = first * self.column_stride;
        Self {
            values: self.values.get(start..).unwrap_or(&[]),
            ..self
        }
    }
}

/// A right matrix in the order in which tiles read it: `[panels, depth, columns of a panel]`, the rest 0.
#[derive(Debug)]
pub(crate) struct PackedRight {
    values: Scratch,
    pub(crate) depth: usize,
    pub(crate) columns: usize,
    /// Columns of a panel.
    pub(crate) width: usize,
}

impl PackedRight {
    fn empty([depth, columns]: [usize; 2]) -> Self {
        let width = Instructions::best().columns();
        Self {
            values: Scratch::take(columns.div_ceil(width) * depth * width),
            depth,
            columns,
            width,
        }
    }

    /// Packs `[depth, columns]` of a matrix in this thread.
    pub(crate) fn new(from: Matrix<'_>, size: [usize; 2]) -> Self {
        let mut packed = Self::empty(size);
        let Self { width, columns, .. } = packed;
        let length = (packed.depth * width).max(1);
        for (panel, values) in packed.values.chunks_exact_mut(length).enumerate() {
            pack_panel(from, columns, width, panel, values);
        }
        packed
    }

    /// As [`PackedRight::new`], in all threads.
    pub(crate) fn in_parallel(from: Matrix<'_>, size: [usize; 2]) -> Self {
        let mut packed = Self::empty(size);
        let Self { width, columns, .. } = packed;
        let length = (packed.depth * width).max(1);
        let panels = packed.values.par_chunks_exact_mut(length).enumerate();
        panels.for_each(|(panel, values)| pack_panel(from, columns, width, panel, values));
        packed
    }

    /// As [`PackedRight::new`] for `[rows, columns]`, with zeros behind up to a depth.
    pub(crate) fn padded(from: Matrix<'_>, [rows, columns]: [usize; 2], depth: usize) -> Self {
        let mut packed = Self::empty([depth, columns]);
        let Self { width, .. } = packed;
        let length = (depth * width).max(1);
        for (panel, values) in packed.values.chunks_exact_mut(length).enumerate() {
            let (values, behind) = values.split_at_mut(rows * width);
            pack_panel(from, columns, width, panel, values);
            behind.fill(0.0);
        }
        packed
    }

    /// Multiplies every value.
    pub(crate) fn scale(&mut self, factor: f32) {
        for value in &mut self.values[..] {
            *value *= factor;
        }
    }

    /// Sets a step of the depth to 0.
    pub(crate) fn clear_step(&mut self, step: usize) {
        let (width, length) = (self.width, self.depth * self.width);
        for panel in self.values.chunks_exact_mut(length.max(1)) {
            panel[step * width..(step + 1) * width].fill(0.0);
        }
    }

    pub(crate) fn panels(&self) -> usize {
        self.columns.div_ceil(self.width)
    }

    /// `[depth, width]`
    pub(crate) fn panel(&self, panel: usize) -> &[f32] {
        let length = self.depth * self.width;
        &self.values[panel * length..(panel + 1) * length]
    }

    /// As [`PackedRight::multiply`], into rows that begin `stride` values apart in `output`.
    pub(crate) fn multiply_into(
        &self,
        height: usize,
        left: &[f32],
        panel: usize,
        tile: &mut Tile,
        output: &mut [f32],
        stride: usize,
    ) {
        let count = self.width.min(self.columns - panel * self.width);
        let is_direct = count == self.width && self.depth <= CACHED_COLUMNS / self.width;
        if is_direct && self.depth > 0 {
            let right = self.panel(panel);
            multiply_tile_into(Instructions::best(), height, left, right, output, stride);
            return;
        }
        self.multiply(height, left, panel, tile);
        let rows = tile.sums.chunks_exact(self.width).take(height);
        for (target, sums) in output.chunks_mut(stride).zip(rows) {
            target[..count].copy_from_slice(&sums[..count]);
        }
    }

    /// As [`PackedRight::multiply`] for the first `height` values of each `stride` of `left`, as many steps as
    /// there are.
    pub(crate) fn multiply_columns(
        &self,
        height: usize,
        left: &[f32],
        stride: usize,
        panel: usize,
        tile: &mut Tile,
    ) {
        let instructions = Instructions::best();
        let right = self.panel(panel);
        let steps = CACHED_COLUMNS / self.width;
        let Tile { sums, part } = tile;
        let length = height * self.width;
        sums[..length].fill(0.0);
        let blocks = left
            .chunks(steps * stride)
            .zip(right.chunks(steps * self.width));
        for (left, right) in blocks {
            multiply_columns(instructions, height, left, stride, right, part);
            add(&part[..length], &mut sums[..length]);
        }
    }

    /// The product of `height` rows and a panel into a tile of [`PackedRight::width`] columns. `left` is
    /// `[depth, height]`.
    pub(crate) fn multiply(&self, height: usize, left: &[f32], panel: usize, tile: &mut Tile) {
        let instructions = Instructions::best();
        let right = self.panel(panel);
        let steps = CACHED_COLUMNS / self.width;
        let Tile { sums, part } = tile;
        let length = height * self.width;
        if self.depth == 0 {
            sums[..length].fill(0.0);
        }
        let blocks = left
            .chunks(steps * height)
            .zip(right.chunks(steps * self.width));
        for (block, (left, right)) in blocks.enumerate() {
            if block == 0 {
                multiply_tile(instructions, height, left, right, sums);
            } else {
                multiply_tile(instructions, height, left, right, part);
                add(&part[..length], &mut sums[..length]);
            }
        }
    }
}

/// A left matrix in the order in which tiles read it: for each tile `[depth, rows of the tile]`.
#[derive(Debug)]
pub(crate) struct PackedLeft {
    values: Scratch,
    rows: usize,
    depth: usize,
}

impl PackedLeft {
    /// Packs `[rows, depth]` of a matrix in this thread.
    pub(crate) fn new(from: Matrix<'_>, [rows, depth]: [usize; 2]) -> Self {
        let mut values = Scratch::take(rows * depth);
        for (first, last) in tiles(rows) {
            let from = from.transpose().columns_from(first);
            let packed = &mut values[first * depth..last * depth];
            pack(from, [depth, last - first], last - first, packed);
        }
        Self {
            values,
            rows,
            depth,
        }
    }

    /// One of [`tiles`].
    pub(crate) fn tile(&self, first: usize, last: usize) -> &[f32] {
        &self.values[first * self.depth..last * self.depth]
    }

    /// Sets a row to 0.
    pub(crate) fn clear_row(&mut self, row: usize) {
        let tile = tiles(self.rows).find(|(first, last)| (*first..*last).contains(&row));
        if let Some((first, last)) = tile {
            let values = &mut self.values[first * self.depth..last * self.depth];
            for values in values.chunks_exact_mut(last - first) {
                values[row - first] = 0.0;
            }
        }
    }
}

/// Sums of a tile, row by row, and room for a part of them.
#[derive(Debug)]
pub(crate) struct Tile {
    pub(crate) sums: [f32; TILE_MAX],
    part: [f32; TILE_MAX],
}

impl Tile {
    pub(crate) fn new() -> Self {
        Self {
            sums: [0.0; TILE_MAX],
            part: [0.0; TILE_MAX],
        }
    }
}

/// How rows fall into tiles, as evenly as they can.
pub(crate) fn tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let tiles = rows.div_ceil(Instructions::best().rows_max());
    (0..tiles).map(move |tile| (tile * rows / tiles, (tile + 1) * rows / tiles))
}

/// What is done to a product at its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Epilogue<'a> {
    /// A summand for each column.
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) activation: Activation,
    pub(crate) nonlinearity: Option<Nonlinearity>,
}

/// `output = left · right` and its end, `[rows, columns]`; `before` is what there was before the
/// nonlinearity.
pub(crate) fn multiply(
    [rows, depth, columns]: [usize; 3],
    left: Matrix<'_>,
    right: Matrix<'_>,
    epilogue: Epilogue<'_>,
    before: Option<&mut [f32]>,
    output: &mut [f32],
) {
    if rows == 0 || columns == 0 {
        return;
    }
    let right = PackedRight::in_parallel(right, [depth, columns]);
    let tiles: Vec<(usize, usize)> = tiles(rows).collect();
    let share = (CACHED_LEFT / (depth * Instructions::best().rows_max()).max(1)).max(1);
    let groups: Vec<&[(usize, usize)]> = tiles.chunks(share.min(tiles.len().div_ceil(2))).collect();
    // Few rows: the columns are split too, although every part then packs the same rows.
    let splits = TASKS.div_ceil(groups.len()).min(right.panels().div_ceil(4));
    // SAFETY: each task has its own tiles, and takes one row of one at a time.
    let output = unsafe { SharedOutput::new(output) };
    // SAFETY: as above.
    let before = before.map(|before| unsafe { SharedOutput::new(before) });
    let tasks = (0..groups.len() * splits).into_par_iter();
    tasks.for_each_init(Tile::new, |tile, task| {
        let (tiles, split) = (groups[task / splits], task % splits);
        let (start, end) = (tiles[0].0, tiles[tiles.len() - 1].1);
        let mut packed = Scratch::take((end - start) * depth);
        for (first, last) in tiles.iter().copied() {
            let from = left.transpose().columns_from(first);
            let packed = &mut packed[(first - start) * depth..(last - start) * depth];
            pack(from, [depth, last - first], last - first, packed);
        }
        let panels = split * right.panels() / splits..(split + 1) * right.panels() / splits;
        for panel in panels {
            for (first, last) in tiles.iter().copied() {
                let left = &packed[(first - start) * depth..(last - start) * depth];
                right.multiply(last - first, left, panel, tile);
                let sums = &mut tile.sums[..(last - first) * right.width];
                finish_tile(
                    sums,
                    &right,
                    [first, panel],
                    epilogue,
                    before.as_ref(),
                    &output,
                );
            }
        }
    });
}

/// Writes a tile that begins at `[row, panel]`.
fn finish_tile(
    sums: &mut [f32],
    right: &PackedRight,
    [first, panel]: [usize; 2],
    epilogue: Epilogue<'_>,
    before: Option<&SharedOutput<'_>>,
    output: &SharedOutput<'_>,
) {
    let PackedRight { width, columns, .. } = *right;
    let start = panel * width;
    let count = width.min(columns - start);
    if let Some(bias) = epilogue.bias {
        for row in sums.chunks_exact_mut(width) {
            add(&bias[start..start + count], row);
        }
    }
    if let Some(before) = before {
        for (row, sums) in sums.chunks_exact(width).enumerate() {
            let target = before.part((first + row) * columns + start, count);
            target.copy_from_slice(&sums[..count]);
        }
    }
    if let Some(nonlinearity) = epilogue.nonlinearity {
        nonlinearity::apply(nonlinearity, sums);
    }
    for (row, sums) in sums.chunks_exact(width).enumerate() {
        let target = output.part((first + row) * columns + start, count);
        write(sums, epilogue.activation.bounds(), target);
    }
}

multiversioned! {
    fn write(sums: &[f32], bounds: [f32; 2], target: &mut [f32]) {
        for (target, sum) in target.iter_mut().zip(sums) {
            *target = clamp(*sum, bounds);
        }
    }
}

fn pack_panel(from: Matrix<'_>, columns: usize, width: usize, panel: usize, packed: &mut [f32]) {
    let first = panel * width;
    let count = width.min(columns - first);
    pack(
        from.columns_from(first),
        [packed.len() / width, count],
        width,
        packed,
    );
}

/// Packs `[steps, count]` of a matrix into rows of `width` values, the rest of them 0.
pub(crate) fn pack(from: Matrix<'_>, size: [usize; 2], width: usize, packed: &mut [f32]) {
    let [steps, count] = size;
    if width == 0 || steps == 0 {
        return;
    }
    if from.column_stride != 1 && from.row_stride == 1 {
        if count < width {
            for row in packed.chunks_exact_mut(width) {
                row[count..].fill(0.0);
            }
        }
        transpose(
            from.values,
            from.column_stride,
            [count, steps],
            packed,
            width,
        );
        return;
    }
    pack_rows(from, size, width, packed);
}

multiversioned! {
    /// Packs `[steps, count]` of a matrix into rows of `width` values, the rest of them 0.
    fn pack_rows(from: Matrix<'_>, size: [usize; 2], width: usize, packed: &mut [f32]) {
        let [steps, count] = size;
        if from.column_stride == 1 {
            for (step, packed) in packed.chunks_exact_mut(width).take(steps).enumerate() {
                let source = &from.values[step * from.row_stride..][..count];
                packed[..count].copy_from_slice(source);
                packed[count..].fill(0.0);
            }
            return;
        }
        if count < width {
            for row in packed.chunks_exact_mut(width) {
                row[count..].fill(0.0);
            }
        }
        for column in 0..count {
            let source = from.values.get(column * from.column_stride..).unwrap_or(&[]);
            let source = source.iter().step_by(from.row_stride);
            for (value, source) in packed[column..].iter_mut().step_by(width).zip(source) {
                *value = *source;
            }
        }
    }
}
