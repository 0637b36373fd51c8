//! Linear layers: an input of more axes, `[batch, time, features]`, is as many rows of one product.
#![expect(unsafe_code, reason = "threads write their own columns of the output")]

use rayon::prelude::*;

use crate::KernelError;
use crate::activation::{Activation, clamp};
use crate::error::check_length;
use crate::nonlinearity::{self, Nonlinearity};
use crate::product::{Epilogue, Matrix, multiply};
use crate::shared::SharedOutput;
use crate::sums::{column_sums, products};

/// Most rows of an input that are multiplied without packing.
const ROWS_FEW: usize = 8;

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
    let epilogue = Epilogue {
        bias,
        activation,
        nonlinearity: None,
    };
    finish(shape, input, weight, epilogue, None, output)
}

/// `output = f(input · weightᵀ + bias)` for a smooth activation; `before`, as long as the output, is what `f`
/// was given, from which [`nonlinearity::gradient`] takes the slope: then the gradients here are as for
/// [`forward`] without an activation.
///
/// # Errors
/// When a slice has another length than its shape says.
pub fn forward_nonlinear(
    shape: &LinearShape,
    input: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    nonlinearity: Nonlinearity,
    before: Option<&mut [f32]>,
    output: &mut [f32],
) -> Result<(), KernelError> {
    if let Some(before) = &before {
        let length = shape.batch.saturating_mul(shape.features_out);
        check_length("the sums before the activation", before, length)?;
    }
    let epilogue = Epilogue {
        bias,
        activation: Activation::Identity,
        nonlinearity: Some(nonlinearity),
    };
    finish(shape, input, weight, epilogue, before, output)
}

fn finish(
    shape: &LinearShape,
    input: &[f32],
    weight: &[f32],
    epilogue: Epilogue<'_>,
    before: Option<&mut [f32]>,
    output: &mut [f32],
) -> Result<(), KernelError> {
    shape.check(input, weight, output)?;
    if let Some(bias) = epilogue.bias {
        check_length("the bias", bias, shape.features_out)?;
    }
    if shape.batch > ROWS_FEW || shape.features_in == 0 {
        multiply(
            [shape.batch, shape.features_in, shape.features_out],
            Matrix::rows(input, shape.features_in),
            Matrix::transposed(weight, shape.features_in),
            epilogue,
            before,
            output,
        );
        return Ok(());
    }
    // Packing the weights would take longer than reading them once.
    let columns = shape.features_out;
    let bounds = epilogue.activation.bounds();
    {
        // SAFETY: a task has its own columns, and takes one value at a time.
        let output = unsafe { SharedOutput::new(output) };
        let tasks = (0..columns).into_par_iter().with_min_len(16);
        tasks.for_each(|column| {
            let weight = &weight[column * shape.features_in..(column + 1) * shape.features_in];
            let bias = epilogue.bias.map_or(0.0, |bias| bias[column]);
            for (row, input) in input.chunks_exact(shape.features_in).enumerate() {
                let value = clamp(products(input, weight) as f32 + bias, bounds);
                output.part(row * columns + column, 1).fill(value);
            }
        });
    }
    if let Some(before) = before {
        before.copy_from_slice(output);
    }
    if let Some(nonlinearity) = epilogue.nonlinearity {
        nonlinearity::apply(nonlinearity, output);
    }
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
        Epilogue::default(),
        None,
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
        Epilogue::default(),
        None,
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
    bias_gradient.copy_from_slice(&column_sums(output_gradient, shape.features_out));
    Ok(())
}
