//! Rectifiers, and the sum at the end of a residual block.

use burn::tensor::Tensor;
use burn::tensor::activation::{relu, relu6};
use mofang_kernels::{Activation, KernelError, pointwise, recycled};

use super::native::{Kernel, Values, apply, discard, native};

/// `activation(input)`
pub(crate) fn activate(input: Tensor<4>, activation: Activation) -> Tensor<4> {
    if activation == Activation::Identity {
        return input;
    }
    let fused = native(&input).and_then(|native| {
        let shape = input.dims();
        apply(Rectified { activation, shape }, [native])
    });
    match fused {
        Some(output) => {
            discard(input);
            output
        }
        None => reference(input, activation),
    }
}

/// `activation(left + right)`
pub(crate) fn add(left: Tensor<4>, right: Tensor<4>, activation: Activation) -> Tensor<4> {
    let fused = || {
        let shape = left.dims();
        if right.dims() != shape {
            return None;
        }
        apply(
            Rectified { activation, shape },
            [native(&left)?, native(&right)?],
        )
    };
    match fused() {
        Some(output) => {
            discard(left);
            discard(right);
            output
        }
        None => reference(left + right, activation),
    }
}

/// By burn's own operations.
pub(super) fn reference(input: Tensor<4>, activation: Activation) -> Tensor<4> {
    match activation {
        Activation::Identity => input,
        Activation::Relu => relu(input),
        Activation::Relu6 => relu6(input),
    }
}

/// The activation of one input, or of the sum of two.
#[derive(Debug, Clone, Copy)]
struct Rectified {
    activation: Activation,
    shape: [usize; 4],
}

impl<const N: usize> Kernel<N> for Rectified {
    /// The output.
    type Saved = Values;

    fn release(output: Values) -> Vec<Values> {
        vec![output]
    }

    fn forward(&self, inputs: [&Values; N]) -> Result<(Values, Values), KernelError> {
        let first = inputs[0].as_slice();
        let mut output = recycled(first.len());
        match inputs.get(1) {
            None => pointwise::activate(self.activation, first, &mut output)?,
            Some(second) => {
                pointwise::add(self.activation, first, second.as_slice(), &mut output)?;
            }
        }
        let output = Values::new(output, self.shape);
        Ok((output.clone(), output))
    }

    fn backward(
        &self,
        output: &Values,
        output_gradient: &Values,
        wanted: [bool; N],
    ) -> Result<[Option<Values>; N], KernelError> {
        let slopes = slopes(self.activation, output, output_gradient, self.shape)?;
        Ok(wanted.map(|is_wanted| is_wanted.then(|| slopes.clone())))
    }
}

/// The gradient that an activation lets pass.
pub(super) fn slopes(
    activation: Activation,
    output: &Values,
    output_gradient: &Values,
    shape: [usize; 4],
) -> Result<Values, KernelError> {
    if activation == Activation::Identity {
        return Ok(output_gradient.clone());
    }
    let mut slopes = recycled(output.as_slice().len());
    pointwise::gradient(
        activation,
        output.as_slice(),
        output_gradient.as_slice(),
        &mut slopes,
    )?;
    Ok(Values::new(slopes, shape))
}
