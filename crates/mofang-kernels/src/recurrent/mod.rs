//! Recurrent layers over whole sequences, by PyTorch's formulas and weights: [`lstm`] (Hochreiter and Schmidhuber
//! 1997, <https://doi.org/10.1162/neco.1997.9.8.1735>) and [`gru`] (Cho et al. 2014,
//! <https://arxiv.org/abs/1406.1078>).
//!
//! The input's projections of all steps are one product of matrices, and so are the gradients of the weights. In
//! between a thread takes some items through all steps, so that nothing waits for other threads; a step is one
//! product with the packed hidden weights and one pass over the gates.
//!
//! Items may be shorter than the sequence, as PyTorch's packed sequences: steps beyond an item's length are
//! not read, leave its state alone and give zeros, and the reverse direction begins at each item's own end. What
//! is kept for the backward pass has rows for the steps that there are only.

pub mod gru;
pub mod lstm;

use std::ops::{Deref, Range};

use crate::KernelError;
use crate::error::check_length;
use crate::product::{Epilogue, Matrix, PackedRight, Tile, multiply, pack, tiles};
use crate::recycling::recycled;
use crate::scratch::Scratch;

/// Items of a thread, at least where there are as many: fewer read the weights too often.
const ITEMS_MIN: usize = 4;

/// The sizes of a recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecurrentShape {
    /// Items.
    pub batch: usize,
    /// Steps.
    pub time: usize,
    /// Values of an input's step.
    pub features: usize,
    /// Values of the state.
    pub hidden: usize,
}

/// One direction of a recurrent layer over a batch.
#[derive(Debug, Clone, Copy)]
pub struct Recurrence<'a> {
    /// The sizes.
    pub shape: RecurrentShape,
    /// Steps of each item, `[batch]`; all of them without it.
    pub lengths: Option<&'a [usize]>,
    /// Whether it goes from each item's last step to its first.
    pub is_reversed: bool,
}

/// The parameters of a direction, with as many gates as the layer has.
#[derive(Debug, Clone, Copy)]
pub struct RecurrentWeights<'a> {
    /// `weight_ih`, `[gates · hidden, features]`
    pub input: &'a [f32],
    /// `weight_hh`, `[gates · hidden, hidden]`
    pub hidden: &'a [f32],
    /// `bias_ih`, `[gates · hidden]`
    pub input_bias: Option<&'a [f32]>,
    /// `bias_hh`, `[gates · hidden]`
    pub hidden_bias: Option<&'a [f32]>,
}

/// Gradients by the [`RecurrentWeights`].
#[derive(Debug, Clone, PartialEq)]
pub struct RecurrentGradient {
    /// By `weight_ih`.
    pub input: Vec<f32>,
    /// By `weight_hh`.
    pub hidden: Vec<f32>,
    /// By `bias_ih`.
    pub input_bias: Vec<f32>,
    /// By `bias_hh`.
    pub hidden_bias: Vec<f32>,
}

impl RecurrentWeights<'_> {
    fn check(&self, shape: &RecurrentShape, gates: usize) -> Result<(), KernelError> {
        let rows = gates.saturating_mul(shape.hidden);
        check_length("weight_ih", self.input, rows.saturating_mul(shape.features))?;
        check_length("weight_hh", self.hidden, rows.saturating_mul(shape.hidden))?;
        if let Some(bias) = self.input_bias {
            check_length("bias_ih", bias, rows)?;
        }
        if let Some(bias) = self.hidden_bias {
            check_length("bias_hh", bias, rows)?;
        }
        Ok(())
    }
}

/// The steps that there are, item by item: row `offsets[item] + time`.
struct Plan {
    shape: RecurrentShape,
    lengths: Vec<usize>,
    offsets: Vec<usize>,
    is_reversed: bool,
}

impl Plan {
    fn new(recurrence: &Recurrence<'_>) -> Result<Self, KernelError> {
        let shape = recurrence.shape;
        let lengths = match recurrence.lengths {
            None => vec![shape.time; shape.batch],
            Some(lengths) => lengths.to_vec(),
        };
        if lengths.len() != shape.batch {
            return Err(KernelError::Length {
                what: "the lengths",
                expected: shape.batch,
                actual: lengths.len(),
            });
        }
        if lengths.iter().any(|length| *length > shape.time) {
            return Err(KernelError::Shape {
                operation: "a recurrent layer",
                problem: "an item is longer than the sequence",
            });
        }
        let mut offsets = vec![0];
        for (item, length) in lengths.iter().enumerate() {
            offsets.push(offsets[item] + length);
        }
        Ok(Self {
            shape,
            lengths,
            offsets,
            is_reversed: recurrence.is_reversed,
        })
    }

    /// Rows of what is kept.
    fn rows(&self) -> usize {
        self.offsets[self.shape.batch]
    }

    /// The time of an item's step.
    fn time(&self, item: usize, step: usize) -> usize {
        if self.is_reversed {
            self.lengths[item] - 1 - step
        } else {
            step
        }
    }

    fn row(&self, item: usize, step: usize) -> usize {
        self.offsets[item] + self.time(item, step)
    }

    /// Checks `[batch, time, width]`.
    fn check(&self, what: &'static str, values: &[f32], width: usize) -> Result<(), KernelError> {
        let rows = self.shape.batch.saturating_mul(self.shape.time);
        check_length(what, values, rows.saturating_mul(width))
    }

    fn check_state(&self, what: &'static str, values: &[f32]) -> Result<(), KernelError> {
        let length = self.shape.batch.saturating_mul(self.shape.hidden);
        check_length(what, values, length)
    }

    /// The rows of `[batch, time, width]` that there are.
    fn gather<'a>(&self, values: &'a [f32], width: usize) -> Rows<'a> {
        if self.rows() == self.shape.batch * self.shape.time {
            return Rows::All(values);
        }
        let mut gathered = Scratch::take(self.rows() * width);
        for (item, length) in self.lengths.iter().enumerate() {
            let start = item * self.shape.time * width;
            let target = self.offsets[item] * width..self.offsets[item + 1] * width;
            gathered[target].copy_from_slice(&values[start..start + length * width]);
        }
        Rows::Gathered(gathered)
    }

    /// The other way round, with zeros for the other steps.
    fn scatter(&self, rows: &[f32], width: usize, target: &mut [f32]) {
        for (item, target) in target
            .chunks_exact_mut((self.shape.time * width).max(1))
            .enumerate()
            .take(self.shape.batch)
        {
            let rows = &rows[self.offsets[item] * width..self.offsets[item + 1] * width];
            let (seen, behind) = target.split_at_mut(rows.len());
            seen.copy_from_slice(rows);
            behind.fill(0.0);
        }
    }

    /// Items for each thread. Which ones are together does not change what comes out.
    fn parts(&self) -> Vec<Range<usize>> {
        let batch = self.shape.batch;
        let parts = rayon::current_num_threads().min(batch.div_ceil(ITEMS_MIN));
        (0..parts)
            .map(|part| part * batch / parts..(part + 1) * batch / parts)
            .collect()
    }

    /// Splits rows of `width` values by [`Plan::parts`].
    fn split<'a>(
        &self,
        parts: &[Range<usize>],
        width: usize,
        mut rows: &'a mut [f32],
    ) -> Vec<&'a mut [f32]> {
        let mut found = Vec::new();
        for part in parts {
            let length = (self.offsets[part.end] - self.offsets[part.start]) * width;
            let (own, rest) = std::mem::take(&mut rows).split_at_mut(length);
            found.push(own);
            rows = rest;
        }
        found
    }

    /// Steps of the longest of some items.
    fn longest(&self, items: &Range<usize>) -> usize {
        let lengths = self.lengths[items.clone()].iter();
        lengths.copied().max().unwrap_or(0)
    }

    /// Those of the items that have a step.
    fn active(&self, items: &Range<usize>, step: usize, active: &mut Vec<usize>) {
        active.clear();
        active.extend(items.clone().filter(|item| step < self.lengths[*item]));
    }

    /// The state before each row, `[rows, hidden]`, from the output and the first state.
    fn states_before(&self, output: &[f32], first: Option<&[f32]>) -> Scratch {
        let (time, hidden) = (self.shape.time, self.shape.hidden);
        let mut states = Scratch::take(self.rows() * hidden);
        for item in 0..self.shape.batch {
            for step in 0..self.lengths[item] {
                let row = self.row(item, step) * hidden;
                let target = &mut states[row..row + hidden];
                if let Some(before) = step.checked_sub(1) {
                    let start = (item * time + self.time(item, before)) * hidden;
                    target.copy_from_slice(&output[start..start + hidden]);
                } else {
                    match first {
                        Some(first) => {
                            target.copy_from_slice(&first[item * hidden..(item + 1) * hidden]);
                        }
                        None => target.fill(0.0),
                    }
                }
            }
        }
        states
    }
}

/// Rows as they were, or gathered.
enum Rows<'a> {
    All(&'a [f32]),
    Gathered(Scratch),
}

impl Deref for Rows<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::All(rows) => rows,
            Self::Gathered(rows) => rows,
        }
    }
}

/// `input · weight_ihᵀ + bias` for each row that there is, `[rows, columns]`.
fn project(
    plan: &Plan,
    input: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    columns: usize,
) -> Vec<f32> {
    let features = plan.shape.features;
    let mut output = recycled(plan.rows() * columns);
    multiply(
        [plan.rows(), features, columns],
        Matrix::rows(&plan.gather(input, features), features),
        Matrix::transposed(weight, features),
        Epilogue {
            bias,
            ..Epilogue::default()
        },
        None,
        &mut output,
    );
    output
}

/// Products of a step's rows with packed weights.
struct StepProduct<'a> {
    weights: &'a PackedRight,
    rows: Scratch,
    left: Scratch,
    tile: Tile,
    products: Scratch,
}

impl<'a> StepProduct<'a> {
    fn new(weights: &'a PackedRight, items: usize) -> Self {
        Self {
            weights,
            rows: Scratch::take(items * weights.depth),
            left: Scratch::take(items * weights.depth),
            tile: Tile::new(),
            products: Scratch::take(items * weights.columns),
        }
    }

    /// A row of the left matrix, to be written.
    fn row(&mut self, row: usize) -> &mut [f32] {
        let depth = self.weights.depth;
        &mut self.rows[row * depth..(row + 1) * depth]
    }

    fn product(&self, row: usize) -> &[f32] {
        let columns = self.weights.columns;
        &self.products[row * columns..(row + 1) * columns]
    }

    fn multiply(&mut self, count: usize) {
        let PackedRight {
            depth,
            columns,
            width,
            ..
        } = *self.weights;
        let rows = Matrix::rows(&self.rows, depth).transpose();
        for (first, last) in tiles(count) {
            let left = &mut self.left[first * depth..last * depth];
            let height = last - first;
            pack(rows.columns_from(first), [depth, height], height, left);
        }
        for panel in 0..self.weights.panels() {
            let start = panel * width;
            for (first, last) in tiles(count) {
                let left = &self.left[first * depth..last * depth];
                let target = &mut self.products[first * columns + start..];
                self.weights.multiply_into(
                    last - first,
                    left,
                    panel,
                    &mut self.tile,
                    target,
                    columns,
                );
            }
        }
    }
}

/// `leftᵀ · right` over rows, `[left columns, right columns]`.
fn over_rows(
    rows: usize,
    left: &[f32],
    [left_columns, columns]: [usize; 2],
    right: &[f32],
) -> Vec<f32> {
    let mut output = recycled(left_columns * columns);
    multiply(
        [left_columns, rows, columns],
        Matrix::transposed(left, left_columns),
        Matrix::rows(right, columns),
        Epilogue::default(),
        None,
        &mut output,
    );
    output
}

/// The gradient by the input, from that by its projections.
fn input_gradient(plan: &Plan, slopes: &[f32], weight: &[f32], columns: usize, target: &mut [f32]) {
    let (rows, features) = (plan.rows(), plan.shape.features);
    let mut by_input = Scratch::take(rows * features);
    multiply(
        [rows, columns, features],
        Matrix::rows(slopes, columns),
        Matrix::rows(weight, features),
        Epilogue::default(),
        None,
        &mut by_input,
    );
    plan.scatter(&by_input, features, target);
}

/// A state of each item, `[batch, hidden]`: as given, or zeros.
fn state(plan: &Plan, first: Option<&[f32]>) -> Vec<f32> {
    first.map_or_else(
        || vec![0.0; plan.shape.batch * plan.shape.hidden],
        <[f32]>::to_vec,
    )
}

/// Splits `width` values of each item by [`Plan::parts`].
fn split_items<'a>(
    parts: &[Range<usize>],
    width: usize,
    mut values: &'a mut [f32],
) -> Vec<&'a mut [f32]> {
    let mut found = Vec::new();
    for part in parts {
        let (own, rest) = std::mem::take(&mut values).split_at_mut(part.len() * width);
        found.push(own);
        values = rest;
    }
    found
}
