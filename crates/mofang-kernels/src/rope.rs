//! Rotary position embedding: Su et al. 2021, <https://arxiv.org/abs/2104.09864>. Pairs of a head's values are
//! turned by angles that grow with the position; the gradient turns them back.

use rayon::prelude::*;

use crate::KernelError;
use crate::error::check_length;
use crate::simd::multiversioned;

/// Values that a thread takes at least.
const PART: usize = 1 << 12;

/// Which values of a head make a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotaryPairs {
    /// Value `i` and value `i + rotated / 2`: that of GPT-NeoX and of Hugging Face's Llama.
    Halves,
    /// Values `2i` and `2i + 1`: that of the paper, GPT-J and Meta's Llama.
    Interleaved,
}

/// `[rows, heads, features]`, of which the first `rotated` features of each head are turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotaryShape {
    /// Positions of all items, as many as batch times time.
    pub rows: usize,
    /// Heads of a row.
    pub heads: usize,
    /// Values of a head.
    pub features: usize,
    /// The first values of a head, which are turned; an even number.
    pub rotated: usize,
    /// Which of them make a pair.
    pub pairs: RotaryPairs,
}

/// Cosines and sines of `positions` times `base^(-2i / rotated)`: two of `[positions, rotated / 2]`. The usual
/// base is 10000.
pub fn angles(positions: &[f64], rotated: usize, base: f64) -> [Vec<f32>; 2] {
    let half = rotated / 2;
    let rates: Vec<f64> = (0..half)
        .map(|i| base.powf(-2.0 * i as f64 / rotated as f64))
        .collect();
    let angles = || {
        positions
            .iter()
            .flat_map(|p| rates.iter().map(move |r| p * r))
    };
    [
        angles().map(|angle| angle.cos() as f32).collect(),
        angles().map(|angle| angle.sin() as f32).collect(),
    ]
}

/// Turns `input` by the angles of [`angles`], of which row `r` of the input takes row `r % positions`; `output`
/// is as long as `input`.
///
/// # Errors
/// When a slice has another length than its shape says, `rotated` is odd or more than `features`, or rows are
/// not a multiple of the positions.
pub fn forward(
    shape: &RotaryShape,
    cosines: &[f32],
    sines: &[f32],
    input: &[f32],
    output: &mut [f32],
) -> Result<(), KernelError> {
    turn(shape, cosines, sines, 1.0, input, output)
}

/// The gradient of [`forward`] by its input.
///
/// # Errors
/// As [`forward`].
pub fn gradient(
    shape: &RotaryShape,
    cosines: &[f32],
    sines: &[f32],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> Result<(), KernelError> {
    turn(shape, cosines, sines, -1.0, output_gradient, input_gradient)
}

fn turn(
    shape: &RotaryShape,
    cosines: &[f32],
    sines: &[f32],
    sign: f32,
    input: &[f32],
    output: &mut [f32],
) -> Result<(), KernelError> {
    let RotaryShape {
        rows,
        heads,
        features,
        rotated,
        ..
    } = *shape;
    let row = heads.saturating_mul(features);
    check_length("the input", input, rows.saturating_mul(row))?;
    check_length("the output", output, rows.saturating_mul(row))?;
    check_length("the sines", sines, cosines.len())?;
    let half = rotated / 2;
    let positions = cosines.len().checked_div(half).unwrap_or(1);
    let fits = rotated % 2 == 0
        && rotated <= features
        && positions * half == cosines.len()
        && (rows == 0 || positions > 0 && rows % positions == 0);
    if !fits {
        return Err(KernelError::Shape {
            operation: "a rotary embedding",
            problem: "the rotated features are an even part of a head, and rows whole runs of the positions",
        });
    }
    if row == 0 {
        return Ok(());
    }
    output
        .par_chunks_exact_mut(row)
        .zip(input.par_chunks_exact(row))
        .with_min_len(PART.div_ceil(row))
        .enumerate()
        .for_each(|(row, (output, input))| {
            let place = row % positions * half;
            let (cosines, sines) = (&cosines[place..place + half], &sines[place..place + half]);
            turn_row(shape, cosines, sines, sign, input, output);
        });
    Ok(())
}

multiversioned! {
    fn turn_row(
        shape: &RotaryShape,
        cosines: &[f32],
        sines: &[f32],
        sign: f32,
        input: &[f32],
        output: &mut [f32],
    ) {
        let heads = input.chunks_exact(shape.features).zip(output.chunks_exact_mut(shape.features));
        for (input, output) in heads {
            let (input, input_rest) = input.split_at(shape.rotated);
            let (output, output_rest) = output.split_at_mut(shape.rotated);
            output_rest.copy_from_slice(input_rest);
            let angles = cosines.iter().zip(sines);
            match shape.pairs {
                RotaryPairs::Halves => {
                    let (first, second) = input.split_at(shape.rotated / 2);
                    let targets = output.split_at_mut(shape.rotated / 2);
                    let targets = targets.0.iter_mut().zip(targets.1);
                    let pairs = first.iter().zip(second).zip(targets);
                    for (((x, y), (to_x, to_y)), (cosine, sine)) in pairs.zip(angles) {
                        let sine = sign * sine;
                        *to_x = x * cosine - y * sine;
                        *to_y = y * cosine + x * sine;
                    }
                }
                RotaryPairs::Interleaved => {
                    let pairs = input.as_chunks::<2>().0.iter().zip(output.as_chunks_mut::<2>().0);
                    for (([x, y], [to_x, to_y]), (cosine, sine)) in pairs.zip(angles) {
                        let sine = sign * sine;
                        *to_x = x * cosine - y * sine;
                        *to_y = y * cosine + x * sine;
                    }
                }
            }
        }
    }
}
