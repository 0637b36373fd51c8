//! Smooth activations, and the gated units of two.

use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, gelu_approximate, relu, sigmoid, silu, tanh};
use mofang_kernels::geometry::RowShape;
use mofang_kernels::{KernelError, Nonlinearity, nonlinearity as kernel, recycled};

use super::native::{Kernel, Values, apply, native};

/// By burn's own operations.
pub(super) fn reference<const D: usize>(input: Tensor<D>, nonlinearity: Nonlinearity) -> Tensor<D> {
    match nonlinearity {
        Nonlinearity::Gelu => gelu(input),
        Nonlinearity::GeluTanh => gelu_approximate(input),
        Nonlinearity::Relu => relu(input),
        Nonlinearity::Sigmoid => sigmoid(input),
        Nonlinearity::Silu => silu(input),
        Nonlinearity::Tanh => tanh(input),
    }
}

/// `silu(gate) · up`: Shazeer 2020, <https://arxiv.org/abs/2002.05202>.
pub(crate) fn swiglu(gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    let fused = || {
        let shape = gate.dims();
        if up.dims() != shape {
            return None;
        }
        apply(Gated(shape), [native(&gate)?, native(&up)?])
    };
    match fused() {
        Some(output) => output,
        None => silu(gate) * up,
    }
}

/// `a · f(b)` for the halves of each row `[a, b]`, `[rows, 2 · features]` to `[rows, features]`: the units of the same
/// paper in one linear layer.
pub(crate) fn gated(input: Tensor<2>, nonlinearity: Nonlinearity) -> Tensor<2> {
    let [rows, both] = input.dims();
    let features = both / 2;
    let fused = || {
        let halves = Halves {
            shape: RowShape { rows, features },
            nonlinearity,
        };
        apply(halves, [native(&input)?])
    };
    match fused() {
        Some(output) => output,
        None => {
            let values = input.clone().narrow(1, 0, features);
            values * reference(input.narrow(1, features, features), nonlinearity)
        }
    }
}

/// The unit of both halves of a row.
#[derive(Debug, Clone, Copy)]
struct Halves {
    /// Of what comes out.
    shape: RowShape,
    nonlinearity: Nonlinearity,
}

impl Kernel<1> for Halves {
    /// The input.
    type Saved = Values;

    fn release(input: Values) -> Vec<Values> {
        vec![input]
    }

    fn forward(&self, [input]: [&Values; 1]) -> Result<(Values, Values), KernelError> {
        let RowShape { rows, features } = self.shape;
        let mut output = recycled(self.shape.length());
        kernel::gated(
            self.nonlinearity,
            &self.shape,
            input.as_slice(),
            &mut output,
        )?;
        Ok((Values::new(output, [rows, features]), input.clone()))
    }

    fn backward(
        &self,
        input: &Values,
        output_gradient: &Values,
        _: [bool; 1],
    ) -> Result<[Option<Values>; 1], KernelError> {
        let RowShape { rows, features } = self.shape;
        let mut gradient = recycled(input.as_slice().len());
        kernel::gated_gradient(
            self.nonlinearity,
            &self.shape,
            input.as_slice(),
            output_gradient.as_slice(),
            &mut gradient,
        )?;
        Ok([Some(Values::new(gradient, [rows, 2 * features]))])
    }
}

/// The shape of both halves.
#[derive(Debug, Clone, Copy)]
struct Gated([usize; 2]);

impl Kernel<2> for Gated {
    /// Both halves.
    type Saved = [Values; 2];

    fn release(halves: Self::Saved) -> Vec<Values> {
        halves.into()
    }

    fn forward(&self, [gate, up]: [&Values; 2]) -> Result<(Values, Self::Saved), KernelError> {
        let mut output = recycled(gate.as_slice().len());
        kernel::swiglu(gate.as_slice(), up.as_slice(), &mut output)?;
        Ok((Values::new(output, self.0), [gate.clone(), up.clone()]))
    }

    fn backward(
        &self,
        [gate, up]: &Self::Saved,
        output_gradient: &Values,
        _: [bool; 2],
    ) -> Result<[Option<Values>; 2], KernelError> {
        let length = gate.as_slice().len();
        let (mut by_gate, mut by_up) = (recycled(length), recycled(length));
        kernel::swiglu_gradient(
            gate.as_slice(),
            up.as_slice(),
            output_gradient.as_slice(),
            &mut by_gate,
            &mut by_up,
        )?;
        Ok([by_gate, by_up].map(|gradient| Some(Values::new(gradient, self.0))))
    }
}
