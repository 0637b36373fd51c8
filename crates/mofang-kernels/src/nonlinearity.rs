//! Smooth activations of each value for itself, with their slopes, and the gated units of two.
//!
//! GELU is that of Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>; the gated units are those of Shazeer
//! 2020, <https://arxiv.org/abs/2002.05202>.
#![expect(
    clippy::inline_always,
    reason = "compiled for the instructions of the loop that calls it"
)]

use rayon::prelude::*;

use crate::KernelError;
use crate::error::check_length;
use crate::layer_norm::RowShape;
use crate::math::{exp, normal_cdf, normal_density, sigmoid, tanh};
use crate::simd::multiversioned;

/// Values that a thread takes at once.
const PART: usize = 1 << 12;

/// `√(2/π)` and the factor of the cube, of the approximation of GELU.
const TANH_FORM: [f32; 2] = [0.797_884_6, 0.044_715];

/// What is done to each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonlinearity {
    /// `x · Φ(x)` with the normal distribution's `Φ`: PyTorch's default.
    Gelu,
    /// `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))`: that of GPT-2.
    GeluTanh,
    /// `max(x, 0)`
    Relu,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// `x / (1 + e^-x)`, also called Swish.
    Silu,
    /// The hyperbolic tangent.
    Tanh,
}

/// Calls a function with the activation as a type: what is passed as a function may not be inlined.
macro_rules! each {
    ($nonlinearity:expr, $function:ident($($arg:expr),*)) => {
        match $nonlinearity {
            Nonlinearity::Gelu => $function::<Gelu>($($arg),*),
            Nonlinearity::GeluTanh => $function::<GeluTanh>($($arg),*),
            Nonlinearity::Relu => $function::<Relu>($($arg),*),
            Nonlinearity::Sigmoid => $function::<Sigmoid>($($arg),*),
            Nonlinearity::Silu => $function::<Silu>($($arg),*),
            Nonlinearity::Tanh => $function::<Tanh>($($arg),*),
        }
    };
}

/// `output = f(input)`
///
/// # Errors
/// When the slices have different lengths.
pub fn forward(
    nonlinearity: Nonlinearity,
    input: &[f32],
    output: &mut [f32],
) -> Result<(), KernelError> {
    check_length("the output", output, input.len())?;
    output
        .par_chunks_mut(PART)
        .zip(input.par_chunks(PART))
        .for_each(|(output, input)| {
            output.copy_from_slice(input);
            apply(nonlinearity, output);
        });
    Ok(())
}

/// The gradient of [`forward`] by its input, from the input: `f'(input) · output_gradient`.
///
/// # Errors
/// When the slices have different lengths.
pub fn gradient(
    nonlinearity: Nonlinearity,
    input: &[f32],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<(), KernelError> {
    check_length("the output's gradient", output_gradient, input.len())?;
    check_length("the input's gradient", input_gradient, input.len())?;
    let sources = input.par_chunks(PART).zip(output_gradient.par_chunks(PART));
    input_gradient
        .par_chunks_mut(PART)
        .zip(sources)
        .for_each(|(target, (input, slopes))| {
            gradient_part(nonlinearity, input, slopes, target);
        });
    Ok(())
}

/// `output = silu(gate) · up`
///
/// # Errors
/// When the slices have different lengths.
pub fn swiglu(gate: &[f32], up: &[f32], output: &mut [f32]) -> Result<(), KernelError> {
    check_length("the linear half", up, gate.len())?;
    check_length("the output", output, gate.len())?;
    output
        .par_chunks_mut(PART)
        .zip(gate.par_chunks(PART).zip(up.par_chunks(PART)))
        .for_each(|(output, (gate, up))| swiglu_part(gate, up, output));
    Ok(())
}

/// The gradients of [`swiglu`] by the gate and by the other half.
///
/// # Errors
/// When the slices have different lengths.
pub fn swiglu_gradient(
    gate: &[f32],
    up: &[f32],
    output_gradient: &[f32],
    gate_gradient: &mut [f32],
    up_gradient: &mut [f32],
) -> Result<(), KernelError> {
    check_length("the linear half", up, gate.len())?;
    check_length("the output's gradient", output_gradient, gate.len())?;
    check_length("the gate's gradient", gate_gradient, gate.len())?;
    check_length("the linear half's gradient", up_gradient, gate.len())?;
    let targets = gate_gradient
        .par_chunks_mut(PART)
        .zip(up_gradient.par_chunks_mut(PART));
    let sources = gate
        .par_chunks(PART)
        .zip(up.par_chunks(PART))
        .zip(output_gradient.par_chunks(PART));
    targets
        .zip(sources)
        .for_each(|((by_gate, by_up), ((gate, up), slopes))| {
            swiglu_gradient_part(gate, up, slopes, by_gate, by_up);
        });
    Ok(())
}

/// `output = a · f(b)` for the halves of each row `[a, b]` of `input`, `[rows, 2 · features]`; `output` is `[rows,
/// features]`, which `shape` is about.
///
/// # Errors
/// When a slice has another length than the shape says.
pub fn gated(
    nonlinearity: Nonlinearity,
    shape: &RowShape,
    input: &[f32],
    output: &mut [f32],
) -> Result<(), KernelError> {
    let length = shape.length();
    check_length("the input", input, length.saturating_mul(2))?;
    check_length("the output", output, length)?;
    if length == 0 {
        return Ok(());
    }
    let part = PART.div_ceil(shape.features) * shape.features;
    output
        .par_chunks_mut(part)
        .zip(input.par_chunks(2 * part))
        .for_each(|(output, input)| gated_part(nonlinearity, shape.features, input, output));
    Ok(())
}

/// The gradient of [`gated`] by its input.
///
/// # Errors
/// As [`gated`].
pub fn gated_gradient(
    nonlinearity: Nonlinearity,
    shape: &RowShape,
    input: &[f32],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<(), KernelError> {
    let length = shape.length();
    check_length("the input", input, length.saturating_mul(2))?;
    check_length("the output's gradient", output_gradient, length)?;
    check_length("the input's gradient", input_gradient, input.len())?;
    if length == 0 {
        return Ok(());
    }
    let part = PART.div_ceil(shape.features) * shape.features;
    let sources = input
        .par_chunks(2 * part)
        .zip(output_gradient.par_chunks(part));
    input_gradient
        .par_chunks_mut(2 * part)
        .zip(sources)
        .for_each(|(target, (input, slopes))| {
            gated_gradient_part(nonlinearity, shape.features, input, slopes, target);
        });
    Ok(())
}

multiversioned! {
    /// `values = f(values)`, in this thread.
    pub(crate) fn apply(nonlinearity: Nonlinearity, values: &mut [f32]) {
        each!(nonlinearity, apply_each(values));
    }
}

multiversioned! {
    fn gradient_part(
        nonlinearity: Nonlinearity,
        input: &[f32],
        slopes: &[f32],
        target: &mut [f32],
    ) {
        each!(nonlinearity, gradient_each(input, slopes, target));
    }
}

#[inline(always)]
fn apply_each<C: Curve>(values: &mut [f32]) {
    for value in values {
        *value = C::at(*value)[0];
    }
}

#[inline(always)]
fn gradient_each<C: Curve>(input: &[f32], slopes: &[f32], target: &mut [f32]) {
    for (target, (input, slope)) in target.iter_mut().zip(input.iter().zip(slopes)) {
        *target = C::at(*input)[1] * slope;
    }
}

multiversioned! {
    fn swiglu_part(gate: &[f32], up: &[f32], output: &mut [f32]) {
        for (output, (gate, up)) in output.iter_mut().zip(gate.iter().zip(up)) {
            *output = Silu::at(*gate)[0] * up;
        }
    }
}

multiversioned! {
    fn swiglu_gradient_part(
        gate: &[f32],
        up: &[f32],
        slopes: &[f32],
        by_gate: &mut [f32],
        by_up: &mut [f32],
    ) {
        let targets = by_gate.iter_mut().zip(by_up);
        for ((by_gate, by_up), ((gate, up), slope)) in
            targets.zip(gate.iter().zip(up).zip(slopes))
        {
            let [value, by_value] = Silu::at(*gate);
            *by_gate = by_value * up * slope;
            *by_up = value * slope;
        }
    }
}

multiversioned! {
    fn gated_part(
        nonlinearity: Nonlinearity,
        features: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        each!(nonlinearity, gated_each(features, input, output));
    }
}

multiversioned! {
    fn gated_gradient_part(
        nonlinearity: Nonlinearity,
        features: usize,
        input: &[f32],
        slopes: &[f32],
        target: &mut [f32],
    ) {
        each!(nonlinearity, gated_gradient_each(features, input, slopes, target));
    }
}

#[inline(always)]
fn gated_each<C: Curve>(features: usize, input: &[f32], output: &mut [f32]) {
    let rows = input.chunks_exact(2 * features);
    for (output, row) in output.chunks_exact_mut(features).zip(rows) {
        let (values, gates) = row.split_at(features);
        for (output, (value, gate)) in output.iter_mut().zip(values.iter().zip(gates)) {
            *output = value * C::at(*gate)[0];
        }
    }
}

#[inline(always)]
fn gated_gradient_each<C: Curve>(
    features: usize,
    input: &[f32],
    slopes: &[f32],
    target: &mut [f32],
) {
    let rows = input
        .chunks_exact(2 * features)
        .zip(slopes.chunks_exact(features));
    for (target, (row, slopes)) in target.chunks_exact_mut(2 * features).zip(rows) {
        let (values, gates) = row.split_at(features);
        let (by_values, by_gates) = target.split_at_mut(features);
        let targets = by_values.iter_mut().zip(by_gates);
        for ((by_value, by_gate), ((value, gate), slope)) in
            targets.zip(values.iter().zip(gates).zip(slopes))
        {
            let [open, by_open] = C::at(*gate);
            *by_value = open * slope;
            *by_gate = value * by_open * slope;
        }
    }
}

/// A function of one value.
trait Curve {
    /// The value and the slope; whatever the caller leaves unused is not computed.
    fn at(x: f32) -> [f32; 2];
}

struct Gelu;
struct GeluTanh;
struct Relu;
struct Sigmoid;
struct Silu;
struct Tanh;

impl Curve for Gelu {
    #[inline(always)]
    fn at(x: f32) -> [f32; 2] {
        let cdf = normal_cdf(x);
        [x * cdf, cdf + x * normal_density(x)]
    }
}

impl Curve for GeluTanh {
    #[inline(always)]
    fn at(x: f32) -> [f32; 2] {
        let [factor, cube] = TANH_FORM;
        let square = x * x;
        // (1 + tanh u) / 2 = sigmoid(2u), which loses nothing where tanh is near -1.
        let share = 1.0 / (1.0 + exp(-2.0 * factor * (x + cube * square * x)));
        let inner = factor * (1.0 + 3.0 * cube * square);
        [x * share, share + 2.0 * x * share * (1.0 - share) * inner]
    }
}

impl Curve for Relu {
    #[inline(always)]
    fn at(x: f32) -> [f32; 2] {
        // A NaN stays one.
        if x <= 0.0 { [0.0, 0.0] } else { [x, 1.0] }
    }
}

impl Curve for Sigmoid {
    #[inline(always)]
    fn at(x: f32) -> [f32; 2] {
        let value = sigmoid(x);
        [value, value * (1.0 - value)]
    }
}

impl Curve for Silu {
    #[inline(always)]
    fn at(x: f32) -> [f32; 2] {
        let share = sigmoid(x);
        [x * share, share * (1.0 + x * (1.0 - share))]
    }
}

impl Curve for Tanh {
    #[inline(always)]
    fn at(x: f32) -> [f32; 2] {
        let value = tanh(x);
        [value, 1.0 - value * value]
    }
}
