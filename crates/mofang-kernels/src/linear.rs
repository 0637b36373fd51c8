//! Linear layers, by the product of two matrices: both are packed once, tiles are multiplied in
//! parallel, and a tile's sum runs over the depth in one order.
#![expect(unsafe_code, reason = "threads write their own tiles of the output")]

use rayon::prelude::*;

use crate::KernelError;
use crate::activation::{Activation, clamp};
use crate::error::check_length;
use crate::scratch::Scratch;
use crate::shared::SharedOutput;
use crate::simd::{Instructions, multiply_tile, multiversioned};

/// Steps of the depth whose right columns stay in the first-level cache.
const CACHED_COLUMNS: usize = 8192;

/// Most rows of an input that are multiplied without packing.
const ROWS_FEW: usize = 8;

multiversioned! {
    /// `Σ x · y`
    fn dot(left: &[f32], right: &[f32]) -> f32 {
        let mut sums = [0.0_f32; 64];
        let (lefts, left_rest) = left.as_chunks::<64>();
        let (rights, right_rest) = right.as_chunks::<64>();
        for (left, right) in lefts.iter().zip(rights) {
            for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
                *sum += left * right;
            }
        }
        for (sum, (left, right)) in sums.iter_mut().zip(left_rest.iter().zip(right_rest)) {
            *sum += left * right;
        }
        crate::sums::fold(sums) as f32
    }
}

/// A matrix in memory: value `[row, column]` lies at `row · row_stride + column · column_stride`.
#[derive(Debug, Clone, Copy)]
struct Matrix<'a> {
    values: &'a [f32],
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row by row.
    fn rows(values: &'a [f32], columns: usize) -> Self {
        Self {
            values,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// The transpose of what is stored row by row.
    fn transposed(values: &'a [f32], rows: usize) -> Self {
        Self {
            values,
            row_stride: 1,
            column_stride: rows,
        }
    }
}

/// `output = left · right + bias`, `[rows, columns]`, with a bias for each column.
fn multiply(
    [rows, depth, columns]: [usize; 3],
    left: Matrix<'_>,
    right: Matrix<'_>,
    bias: Option<&[f32]>,
    activation: Activation,
    output: &mut [f32],
) {
    if rows == 0 || columns == 0 {
        return;
    }
    if depth == 0 {
        // Every sum is empty.
        for row in output.chunks_exact_mut(columns) {
            for (column, output) in row.iter_mut().enumerate() {
                let bias = bias.map_or(0.0, |bias| bias[column]);
                *output = clamp(bias, activation.bounds());
            }
        }
        return;
    }
    let instructions = Instructions::best();
    let width = instructions.columns();
    let tiles = rows.div_ceil(instructions.rows_max());
    let panels = columns.div_ceil(width);
    let range = |tile: usize| (tile * rows / tiles, (tile + 1) * rows / tiles);

    let mut packed_right = Scratch::take(panels * depth * width);
    packed_right
        .par_chunks_exact_mut((depth * width).max(1))
        .enumerate()
        .for_each(|(panel, packed)| {
            let first = panel * width;
            let count = width.min(columns - first);
            let from = Matrix {
                values: &right.values[first * right.column_stride..],
                ..right
            };
            pack(from, [depth, count], width, packed);
        });
    let mut packed_left = Scratch::take(rows * depth);
    let mut rest = &mut packed_left[..];
    let mut parts = Vec::new();
    for tile in 0..tiles {
        let (first, last) = range(tile);
        let (part, behind) = rest.split_at_mut((last - first) * depth);
        rest = behind;
        parts.push((first, last - first, part));
    }
    parts.into_par_iter().for_each(|(first, count, packed)| {
        let from = Matrix {
            values: left.values.get(first * left.row_stride..).unwrap_or(&[]),
            row_stride: left.column_stride,
            column_stride: left.row_stride,
        };
        pack(from, [depth, count], count, packed);
    });

    // SAFETY: each task has its own tile, and takes one row of it at a time.
    let output = unsafe { SharedOutput::new(output) };
    (0..tiles * panels).into_par_iter().for_each(|task| {
        let (panel, tile) = (task / tiles, task % tiles);
        let (first, last) = range(tile);
        let height = last - first;
        let left = &packed_left[first * depth..last * depth];
        let right = &packed_right[panel * depth * width..(panel + 1) * depth * width];
        let mut sums = [0.0_f32; 14 * 32];
        let mut product = [0.0_f32; 14 * 32];
        let steps = CACHED_COLUMNS / width;
        let blocks = left.chunks(steps * height).zip(right.chunks(steps * width));
        for (left, right) in blocks {
            multiply_tile(instructions, height, left, right, &mut product);
            add(&product[..height * width], &mut sums);
        }
        let start = panel * width;
        let count = width.min(columns - start);
        let bias = bias.map(|bias| &bias[start..start + count]);
        for (row, sums) in sums.chunks_exact(width).take(height).enumerate() {
            let target = output.part((first + row) * columns + start, count);
            match bias {
                Some(bias) => {
                    for (target, (sum, bias)) in target.iter_mut().zip(sums.iter().zip(bias)) {
                        *target = clamp(sum + bias, activation.bounds());
                    }
                }
                None => {
                    for (target, sum) in target.iter_mut().zip(sums) {
                        *target = clamp(*sum, activation.bounds());
                    }
                }
            }
        }
    });
}

multiversioned! {
    fn add(values: &[f32], sums: &mut [f32]) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }
}

multiversioned! {
    /// Packs `[steps, count]` of a matrix into rows of `width` values, the rest of them 0.
    fn pack(from: Matrix<'_>, size: [usize; 2], width: usize, packed: &mut [f32]) {
        let [steps, count] = size;
        if from.column_stride == 1 {
            for (step, packed) in packed.chunks_exact_mut(width).take(steps).enumerate() {
                let source = &from.values[step * from.row_stride..][..count];
                packed[..count].copy_from_slice(source);
                packed[count..].fill(0.0);
            }
            return;
        }
        for column in 0..width {
            if column >= count {
                for value in packed[column..].iter_mut().step_by(width) {
                    *value = 0.0;
                }
                continue;
            }
            let source = from.values.get(column * from.column_stride..).unwrap_or(&[]);
            let source = source.iter().step_by(from.row_stride);
            for (value, source) in packed[column..].iter_mut().step_by(width).zip(source) {
                *value = *source;
            }
        }
    }
}

/// A linear layer: `output = activation(input · weightᵀ + bias)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearShape {
    /// Rows of input and output.
    pub batch: usize,
    /// Columns of the input.
    pub features_in: usize,
    /// Columns of the output.
    pub features_out: usize,
}

impl LinearShape {
    fn check(&self, input: &[f32], weight: &[f32], output: &[f32]) -> Result<(), KernelError> {
        let Self {
            batch,
            features_in,
            features_out,
        } = *self;
        check_length("the input", input, batch.saturating_mul(features_in))?;
        check_length(
            "the weight",
            weight,
            features_out.saturating_mul(features_in),
        )?;
        check_length("the output", output, batch.saturating_mul(features_out))
    }
}

/// `input` is `[batch, features_in]`, `weight` `[features_out, features_in]`, `bias` `[features_out]`,
/// `output` `[batch, features_out]`.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn forward(
    shape: &LinearShape,
    input: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    output: &mut [f32],
) -> Result<(), KernelError> {
    shape.check(input, weight, output)?;
    if let Some(bias) = bias {
        check_length("the bias", bias, shape.features_out)?;
    }
    if shape.batch <= ROWS_FEW && shape.features_in > 0 {
        // Packing the weights would take longer than reading them once.
        let columns = shape.features_out;
        // SAFETY: a task has its own columns, and takes one value at a time.
        let output = unsafe { SharedOutput::new(output) };
        (0..columns)
            .into_par_iter()
            .with_min_len(16)
            .for_each(|column| {
                let weight = &weight[column * shape.features_in..(column + 1) * shape.features_in];
                let bias = bias.map_or(0.0, |bias| bias[column]);
                for (row, input) in input.chunks_exact(shape.features_in).enumerate() {
                    let value = clamp(dot(input, weight) + bias, activation.bounds());
                    output.part(row * columns + column, 1).fill(value);
                }
            });
        return Ok(());
    }
    multiply(
        [shape.batch, shape.features_in, shape.features_out],
        Matrix::rows(input, shape.features_in),
        Matrix::transposed(weight, shape.features_in),
        bias,
        activation,
        output,
    );
    Ok(())
}

/// The gradient of [`forward`] (without an activation) by its input.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn input_gradient(
    shape: &LinearShape,
    weight: &[f32],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<(), KernelError> {
    shape.check(input_gradient, weight, output_gradient)?;
    multiply(
        [shape.batch, shape.features_out, shape.features_in],
        Matrix::rows(output_gradient, shape.features_out),
        Matrix::rows(weight, shape.features_in),
        None,
        Activation::Identity,
        input_gradient,
    );
    Ok(())
}

/// The gradient of [`forward`] (without an activation) by its weight.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn weight_gradient(
    shape: &LinearShape,
    input: &[f32],
    output_gradient: &[f32],
    weight_gradient: &mut [f32],
) -> Result<(), KernelError> {
    shape.check(input, weight_gradient, output_gradient)?;
    multiply(
        [shape.features_out, shape.batch, shape.features_in],
        Matrix::transposed(output_gradient, shape.features_out),
        Matrix::rows(input, shape.features_in),
        None,
        Activation::Identity,
        weight_gradient,
    );
    Ok(())
}

/// The gradient of [`forward`] (without an activation) by its bias.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn bias_gradient(
    shape: &LinearShape,
    output_gradient: &[f32],
    bias_gradient: &mut [f32],
) -> Result<(), KernelError> {
    let length = shape.batch.saturating_mul(shape.features_out);
    check_length("the output's gradient", output_gradient, length)?;
    check_length("the bias's gradient", bias_gradient, shape.features_out)?;
    bias_gradient.fill(0.0);
    for slopes in output_gradient.chunks_exact(shape.features_out.max(1)) {
        add(slopes, bias_gradient);
    }
    Ok(())
}
