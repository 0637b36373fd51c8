//! Rows of a table by their numbers, and the sum of the gradients of each.

use rayon::prelude::*;

use crate::KernelError;
use crate::error::check_length;
use crate::sums::add;

/// Values that a thread takes at least.
const PART: usize = 1 << 13;

/// A table of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddingShape {
    /// Rows of the table.
    pub rows: usize,
    /// Values of a row.
    pub features: usize,
}

impl EmbeddingShape {
    fn length(&self) -> usize {
        self.rows.saturating_mul(self.features)
    }

    /// Rows that a thread takes at least.
    fn rows_of_part(&self) -> usize {
        PART.div_ceil(self.features.max(1))
    }

    fn row(&self, index: i64) -> Result<usize, KernelError> {
        usize::try_from(index)
            .ok()
            .filter(|row| *row < self.rows)
            .ok_or(KernelError::Index {
                what: "a row of the table",
                index,
                count: self.rows,
            })
    }
}

/// `output[i] = table[indices[i]]`; `table` is `[rows, features]`, `output` `[indices, features]`.
///
/// # Errors
/// When a slice has another length than its shape says, or there is no such row.
pub fn forward(
    shape: &EmbeddingShape,
    table: &[f32],
    indices: &[i64],
    output: &mut [f32],
) -> Result<(), KernelError> {
    check_length("the table", table, shape.length())?;
    let length = indices.len().saturating_mul(shape.features);
    check_length("the output", output, length)?;
    indices
        .iter()
        .try_for_each(|index| shape.row(*index).map(drop))?;
    if length == 0 {
        return Ok(());
    }
    let part = shape.rows_of_part();
    output
        .par_chunks_mut(part * shape.features)
        .zip(indices.par_chunks(part))
        .try_for_each(|(output, indices)| {
            for (output, index) in output.chunks_exact_mut(shape.features).zip(indices) {
                let row = shape.row(*index)?;
                output.copy_from_slice(&table[row * shape.features..(row + 1) * shape.features]);
            }
            Ok(())
        })
}

/// The gradient of [`forward`] by the table: for each row the sum over the places that took it, in their
/// order. The row `padding` gets none.
///
/// # Errors
/// As [`forward`].
pub fn gradient(
    shape: &EmbeddingShape,
    indices: &[i64],
    padding: Option<usize>,
    output_gradient: &[f32],
    table_gradient: &mut [f32],
) -> Result<(), KernelError> {
    check_length("the table's gradient", table_gradient, shape.length())?;
    let length = indices.len().saturating_mul(shape.features);
    check_length("the output's gradient", output_gradient, length)?;
    // The places of each row, one row behind the other: a sort by counting.
    let mut starts = vec![0_usize; shape.rows + 1];
    for index in indices {
        starts[shape.row(*index)? + 1] += 1;
    }
    for row in 0..shape.rows {
        starts[row + 1] += starts[row];
    }
    let mut next = starts.clone();
    let mut places = vec![0_usize; indices.len()];
    for (place, index) in indices.iter().enumerate() {
        let row = shape.row(*index)?;
        places[next[row]] = place;
        next[row] += 1;
    }
    if shape.features == 0 {
        return Ok(());
    }
    let features = shape.features;
    table_gradient
        .par_chunks_exact_mut(features)
        .with_min_len(shape.rows_of_part())
        .enumerate()
        .for_each(|(row, target)| {
            target.fill(0.0);
            if padding == Some(row) {
                return;
            }
            for place in &places[starts[row]..starts[row + 1]] {
                add(
                    &output_gradient[place * features..(place + 1) * features],
                    target,
                );
            }
        });
    Ok(())
}
