//! Where the values lie that a pixel of the result is summed from.

use super::Conv2dGeometry;
use crate::scratch::Scratch;

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
    fn new(
        grid: [usize; 2],
        source: [usize; 2],
        step: [usize; 2],
        taps: Vec<[isize; 2]>,
    ) -> Self {
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

    /// The place of the first pixel of a row of the grid in a padded plane.
    pub(super) fn row_start(&self, y: usize) -> usize {
        y * self.step[0] * self.layout.row
    }

    /// Copies a plane of the source into its padded form.
    pub(super) fn pad(&self, source: &[f32], padded: &mut [f32]) {
        let [height, width] = self.source;
        let Layout {
            before: [top, left],
            phase,
            row,
            ..
        } = self.layout;
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
            if self.step[1] == 1 {
                let taken = width.min(row - left.min(row));
                let (before, rest) = padded.split_at_mut(left.min(row));
                let (middle, after) = rest.split_at_mut(taken);
                before.fill(0.0);
                middle.copy_from_slice(&line[..taken]);
                after.fill(0.0);
            } else {
                deal(line, left, self.step[1], phase, padded);
            }
        }
    }

    /// A buffer for `planes` padded planes.
    pub(super) fn buffer(&self, planes: usize) -> Scratch {
        Scratch::take(planes * self.plane() + COPY)
    }

    /// The pixels `start..end` of all images' pixels as segments.
    pub(super) fn segments(
        &self,
        start: usize,
        end: usize,
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
            let length = (width - x).min(end - pixel);
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

/// Deals the values of a row out to the phases of the step, with `left` zeros before them.
fn deal(line: &[f32], left: usize, step: usize, phase: usize, padded: &mut [f32]) {
    padded.fill(0.0);
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
