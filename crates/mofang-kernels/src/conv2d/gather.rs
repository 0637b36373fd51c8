//! Where the values lie that a pixel of the result is summed from.

use super::Conv2dGeometry;
use crate::scratch::Scratch;
use crate::simd::multiversioned;

/// Values that are copied at once; buffers have so much room behind their last value.
pub(super) const COPY: usize = 16;

/// A grid of pixels, each of which sums one value of every channel for every tap.
///
/// For pixel `[y, x]` and tap `[i, j]` the value is `source[y · step + i, x · step + j]`, or 0 outside
/// the source.
#[derive(Debug, Clone)]
pub(super) struct Gather {
    /// `[height, width]` of the grid.
    pub(super) grid: [usize; 2],
    /// `[height, width]` of the source.
    pub(super) source: [usize; 2],
    /// Source pixels from one pixel of the grid to the next.
    pub(super) step: [usize; 2],
    /// Where each tap lies from a pixel's own place.
    pub(super) taps: Vec<[isize; 2]>,
    layout: Layout,
}

/// A padded copy of the source's planes. Where the step is more than 1, columns that are a step
/// apart lie side by side, so that the values of neighbouring pixels always do.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Zeros above and left of the source.
    before: [usize; 2],
    /// Rows of a plane.
    height: usize,
    /// Columns of a phase.
    phase: usize,
    /// Values of a row.
    row: usize,
    /// Whether the source is the copy.
    is_plain: bool,
}

/// Where the pixels of a grid go in the planes of the output.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutputGrid {
    /// Values of a plane.
    pub(super) plane: usize,
    /// The place of the first pixel.
    pub(super) start: usize,
    /// From one row of the grid to the next.
    pub(super) row: usize,
    /// From one pixel of the grid to the next.
    pub(super) column: usize,
}

impl OutputGrid {
    /// The grid is the whole plane.
    pub(super) fn whole([height, width]: [usize; 2]) -> Self {
        Self {
            plane: height * width,
            start: 0,
            row: width,
            column: 1,
        }
    }
}

/// Pixels of a tile that lie side by side in a row of the grid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    /// The image.
    pub(super) image: usize,
    /// The first pixel's place in a padded plane.
    pub(super) source: usize,
    /// The first pixel's column in the tile.
    pub(super) column: usize,
    /// The number of pixels.
    pub(super) length: usize,
    /// The first pixel's place in a plane of the output.
    pub(super) output: usize,
}

/// A phase of [`Gather::of_input`]: the pixels, where they go, and the numbers of the taps that reach them.
pub(super) type Phase = (Gather, OutputGrid, Vec<usize>);

impl Gather {
    fn new(grid: [usize; 2], source: [usize; 2], step: [usize; 2], taps: Vec<[isize; 2]>) -> Self {
        let layout = Layout::new(grid, source, step, &taps);
        Self {
            grid,
            source,
            step,
            taps,
            layout,
        }
    }

    /// The pixels of a convolution's output, from its input.
    pub(super) fn of_output(geometry: &Conv2dGeometry) -> Self {
        let taps = taps(geometry.kernel)
            .map(|tap| {
                [0, 1].map(|axis| {
                    (tap[axis] * geometry.dilation[axis]).cast_signed()
                        - geometry.padding[axis].cast_signed()
                })
            })
            .collect();
        Self::new(geometry.output(), geometry.size, geometry.stride, taps)
    }

    /// The pixels of a convolution's input, from its output: for each phase of the stride, those input
    /// pixels that a part of the taps reaches.
    pub(super) fn of_input(geometry: &Conv2dGeometry) -> Vec<Phase> {
        let [height, width] = geometry.size;
        let stride = geometry.stride;
        let mut phases = Vec::new();
        for top in 0..stride[0].min(height) {
            for left in 0..stride[1].min(width) {
                let first = [top, left];
                // Pixel s·y + r meets tap k at output row y + (r + p - k·d) / s, where that is whole.
                let reach = |axis: usize, tap: usize| {
                    let distance = (first[axis] + geometry.padding[axis]).cast_signed()
                        - (tap * geometry.dilation[axis]).cast_signed();
                    let stride = stride[axis].cast_signed();
                    (distance % stride == 0).then_some(distance / stride)
                };
                let mut kept = Vec::new();
                let mut places = Vec::new();
                for (number, tap) in taps(geometry.kernel).enumerate() {
                    if let (Some(y), Some(x)) = (reach(0, tap[0]), reach(1, tap[1])) {
                        kept.push(number);
                        places.push([y, x]);
                    }
                }
                let grid = [
                    (height - top).div_ceil(stride[0]),
                    (width - left).div_ceil(stride[1]),
                ];
                let output = OutputGrid {
                    plane: height * width,
                    start: top * width + left,
                    row: stride[0] * width,
                    column: stride[1],
                };
                let gather = Self::new(grid, geometry.output(), [1, 1], places);
                phases.push((gather, output, kept));
            }
        }
        phases
    }

    /// Pixels of the grid.
    pub(super) fn pixels(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// Whether planes are used as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.layout.is_plain
    }

    /// Values of a padded plane.
    pub(super) fn plane(&self) -> usize {
        self.layout.height * self.layout.row
    }

    /// The place of each tap in a padded plane, from a pixel's own place.
    pub(super) fn offsets(&self) -> Vec<usize> {
        let Layout {
            before, phase, row, ..
        } = self.layout;
        let offset = |tap: &[isize; 2]| {
            // Not negative: `before` is what the least of them needs.
            let [y, x] = [0, 1].map(|axis| before[axis].saturating_add_signed(tap[axis]));
            y * row + (x % self.step[1]) * phase + x / self.step[1]
        };
        self.taps.iter().map(offset).collect()
    }

    /// The largest of [`Gather::offsets`].
    pub(super) fn offsets_max(&self) -> usize {
        self.offsets().into_iter().max().unwrap_or(0)
    }

    /// The place of each tap of `count` channels from `first` on in an image's padded planes.
    pub(super) fn steps(&self, first: usize, count: usize, steps: &mut Vec<usize>) {
        let offsets = self.offsets();
        steps.clear();
        for channel in first..first + count {
            let start = channel * self.plane();
            steps.extend(offsets.iter().map(|offset| start + offset));
        }
    }

    /// The place of the first pixel of a row of the grid in a padded plane.
    pub(super) fn row_start(&self, y: usize) -> usize {
        y * self.step[0] * self.layout.row
    }

    /// Copies a plane of the source into its padded form.
    pub(super) fn pad(&self, source: &[f32], padded: &mut [f32]) {
        pad(self, source, padded);
    }

    /// A buffer for `planes` padded planes.
    pub(super) fn buffer(&self, planes: usize) -> Scratch {
        Scratch::take(planes * self.plane() + COPY)
    }

    /// The pixels `start..end` of all images' pixels as segments of at most `length_max` pixels.
    pub(super) fn segments(
        &self,
        start: usize,
        end: usize,
        length_max: usize,
        output: &OutputGrid,
        segments: &mut Vec<Segment>,
    ) {
        segments.clear();
        let width = self.grid[1];
        let pixels = self.pixels();
        let mut pixel = start;
        while pixel < end {
            let (image, place) = (pixel / pixels, pixel % pixels);
            let (y, x) = (place / width, place % width);
            let length = (width - x).min(end - pixel).min(length_max);
            segments.push(Segment {
                image,
                source: self.row_start(y) + x,
                column: pixel - start,
                length,
                output: output.start + y * output.row + x * output.column,
            });
            pixel += length;
        }
    }
}

/// A copy of [`COPY`] values into the columns of a tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnCopy {
    source: usize,
    column: usize,
}

/// The copies that gather segments from images that are `image_stride` values apart.
pub(super) fn copies(
    segments: &[Segment],
    first_image: usize,
    image_stride: usize,
    copies: &mut Vec<ColumnCopy>,
) {
    copies.clear();
    for segment in segments {
        let start = (segment.image - first_image) * image_stride + segment.source;
        for done in (0..segment.length).step_by(COPY) {
            copies.push(ColumnCopy {
                source: start + done,
                column: segment.column + done,
            });
        }
    }
}

multiversioned! {
    /// Gathers the columns of a tile, a row for each step. `steps` are the places of the channels and taps.
    /// What lies behind a row's last segment is anything.
    pub(super) fn gather(
        planes: &[f32],
        steps: &[usize],
        copies: &[ColumnCopy],
        columns: usize,
        gathered: &mut [f32],
    ) {
        for (row, step) in steps.iter().enumerate() {
            let source = &planes[*step..];
            let target = &mut gathered[row * columns..];
            for copy in copies {
                // Whole vectors: what is copied too much is overwritten by what comes next.
                let target = &mut target[copy.column..copy.column + COPY];
                let source = &source[copy.source..];
                match (source.first_chunk::<COPY>(), target.first_chunk_mut::<COPY>()) {
                    (Some(source), Some(target)) => *target = *source,
                    _ => copy_front(source, target),
                }
            }
        }
    }
}

/// What there is at the end of planes that are used in place.
#[cold]
#[inline(never)]
fn copy_front(source: &[f32], target: &mut [f32]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target = *source;
    }
}

multiversioned! {
    /// See [`Gather::pad`].
    fn pad(gather: &Gather, source: &[f32], padded: &mut [f32]) {
        let [height, width] = gather.source;
        let Layout {
            before: [top, left],
            phase,
            row,
            ..
        } = gather.layout;
        if row == 0 {
            return;
        }
        for (y, padded) in padded.chunks_exact_mut(row).enumerate() {
            let line = y
                .checked_sub(top)
                .filter(|y| *y < height)
                .map(|y| &source[y * width..(y + 1) * width]);
            let Some(line) = line else {
                padded.fill(0.0);
                continue;
            };
            if gather.step[1] == 1 {
                let (before, rest) = padded.split_at_mut(left.min(row));
                let (middle, after) = rest.split_at_mut(width.min(row - before.len()));
                zero(before);
                copy(&line[..middle.len()], middle);
                zero(after);
            } else {
                deal(line, left, gather.step[1], phase, padded);
            }
        }
    }
}

/// `fill(0.0)` without a call, for a few values.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call costs more than the copy")]
fn zero(target: &mut [f32]) {
    let (blocks, rest) = target.as_chunks_mut::<COPY>();
    blocks.fill([0.0; COPY]);
    for value in rest {
        *value = 0.0;
    }
}

/// `copy_from_slice` without a call, for the short rows of small images.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call costs more than the copy")]
fn copy(source: &[f32], target: &mut [f32]) {
    if copy_blocks::<16>(source, target)
        || copy_blocks::<8>(source, target)
        || copy_blocks::<4>(source, target)
    {
        return;
    }
    for (target, source) in target.iter_mut().zip(source) {
        *target = *source;
    }
}

/// Copies in blocks, of which the last two overlap; nothing when there is less than a block.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call costs more than the copy")]
fn copy_blocks<const SIZE: usize>(source: &[f32], target: &mut [f32]) -> bool {
    if let (Some(source), Some(target)) =
        (source.last_chunk::<SIZE>(), target.last_chunk_mut::<SIZE>())
    {
        *target = *source;
    } else {
        return false;
    }
    let (sources, _) = source.as_chunks::<SIZE>();
    let (targets, _) = target.as_chunks_mut::<SIZE>();
    for (target, source) in targets.iter_mut().zip(sources) {
        *target = *source;
    }
    true
}

/// Deals the values of a row out to the phases of the step, with `left` zeros before them.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled for the caller's instructions"
)]
fn deal(line: &[f32], left: usize, step: usize, phase: usize, padded: &mut [f32]) {
    zero(padded);
    if step == 2 && left.is_multiple_of(2) {
        // The usual step, as a loop that becomes vector instructions.
        let (even, odd) = padded.split_at_mut(phase);
        let targets = even[left / 2..].iter_mut().zip(&mut odd[left / 2..]);
        let (pairs, rest) = line.as_chunks::<2>();
        for ((even, odd), pair) in targets.zip(pairs) {
            *even = pair[0];
            *odd = pair[1];
        }
        if let [last] = rest {
            even[left / 2 + pairs.len()] = *last;
        }
        return;
    }
    if step == 2 {
        // As above, with the first value in the odd phase.
        let (even, odd) = padded.split_at_mut(phase);
        odd[left / 2] = line.first().copied().unwrap_or(0.0);
        let targets = even[left / 2 + 1..]
            .iter_mut()
            .zip(&mut odd[left / 2 + 1..]);
        let (pairs, rest) = line.get(1..).unwrap_or(&[]).as_chunks::<2>();
        for ((even, odd), pair) in targets.zip(pairs) {
            *even = pair[0];
            *odd = pair[1];
        }
        if let [last] = rest {
            even[left / 2 + 1 + pairs.len()] = *last;
        }
        return;
    }
    for (number, padded) in padded.chunks_exact_mut(phase).enumerate() {
        // The first value of this phase is at the least x with (x + left) % step = number.
        let first = (number + step - left % step) % step;
        let place = (first + left) / step;
        let values = line.iter().skip(first).step_by(step);
        for (padded, value) in padded.iter_mut().skip(place).zip(values) {
            *padded = *value;
        }
    }
}

impl Layout {
    fn new(grid: [usize; 2], source: [usize; 2], step: [usize; 2], taps: &[[isize; 2]]) -> Self {
        let extent = |axis: usize| {
            let places = || taps.iter().map(|tap| tap[axis]);
            let least = places().min().unwrap_or(0);
            let most = places().max().unwrap_or(0);
            let before = least.min(0).unsigned_abs();
            let reach = ((grid[axis].max(1) - 1) * step[axis])
                .saturating_add_signed(most)
                .saturating_add(1);
            (before, (before + source[axis]).max(before + reach))
        };
        let ((top, height), (left, width)) = (extent(0), extent(1));
        let phase = width.div_ceil(step[1]);
        Self {
            before: [top, left],
            height,
            phase,
            row: phase * step[1],
            is_plain: step[1] == 1 && [height, width] == source,
        }
    }
}

/// The taps of a kernel, row by row.
fn taps([height, width]: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
    (0..height).flat_map(move |y| (0..width).map(move |x| [y, x]))
}
