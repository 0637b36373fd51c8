//! An input that goes two ways: through a block's body and around it.
//!
//! Autodiff would add both gradients of such an input by an operation of burn's, on one thread and in fresh
//! memory. Here the sum behind the block leaves its gradient in a [`Crossing`], and the fork before the body,
//! whose backward pass comes later because the body lies between, adds it to the body's.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;
use mofang_kernels::{Activation, KernelError, pointwise, recycled};

use super::add::{add, slopes};
use super::native::{Kernel, Native, Values, apply, native};

/// Where the gradient of the way around waits for the body's.
#[derive(Debug, Clone, Default)]
struct Crossing(Arc<Mutex<Option<Values>>>);

impl Crossing {
    fn leave(&self, gradient: Values) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(gradient);
    }

    fn take(&self) -> Option<Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Whether [`around`] is of use: where there are kernels and a gradient is asked for.
pub(crate) fn can_fork(input: &Tensor<4>) -> bool {
    native(input).is_some_and(|input| input.is_differentiated())
}

/// `activation(body(input) + input)`
pub(crate) fn around(
    input: Tensor<4>,
    activation: Activation,
    body: impl FnOnce(Tensor<4>) -> Tensor<4>,
) -> Tensor<4> {
    let shape = input.dims();
    let crossing = Crossing::default();
    let forked = native(&input).and_then(|native| {
        let around = native.values().clone();
        let crossing = crossing.clone();
        Some((apply(Fork { crossing, shape }, [native])?, around))
    });
    let Some((forked, around)) = forked else {
        return add(body(input.clone()), input, activation);
    };
    let output = body(forked);
    let join = Join {
        around,
        crossing,
        activation,
        shape,
    };
    // A body that its input's gradient does not go through, or of another shape, is added as usual: then the
    // fork finds nothing in the crossing and passes on what comes.
    let joined = native(&output)
        .filter(Native::is_differentiated)
        .filter(|_| output.dims() == shape)
        .and_then(|output| apply(join, [output]));
    joined.unwrap_or_else(|| add(output, input, activation))
}

#[derive(Debug, Clone)]
struct Fork {
    crossing: Crossing,
    shape: [usize; 4],
}

impl Kernel<1> for Fork {
    type Saved = ();

    fn release((): ()) -> Vec<Values> {
        Vec::new()
    }

    fn forward(&self, [input]: [&Values; 1]) -> Result<(Values, ()), KernelError> {
        Ok((input.clone(), ()))
    }

    fn backward(
        &self,
        (): &(),
        of_body: &Values,
        _: [bool; 1],
    ) -> Result<[Option<Values>; 1], KernelError> {
        let Some(of_around) = self.crossing.take() else {
            return Ok([Some(of_body.clone())]);
        };
        let mut sum = recycled(of_body.as_slice().len());
        pointwise::add(
            Activation::Identity,
            of_body.as_slice(),
            of_around.as_slice(),
            &mut sum,
        )?;
        of_around.recycle();
        Ok([Some(Values::new(sum, self.shape))])
    }
}

/// The sum behind the body.
#[derive(Debug, Clone)]
struct Join {
    around: Values,
    crossing: Crossing,
    activation: Activation,
    shape: [usize; 4],
}

impl Kernel<1> for Join {
    /// The output.
    type Saved = Values;

    fn release(output: Values) -> Vec<Values> {
        vec![output]
    }

    fn forward(&self, [body]: [&Values; 1]) -> Result<(Values, Values), KernelError> {
        let mut output = recycled(body.as_slice().len());
        pointwise::add(
            self.activation,
            body.as_slice(),
            self.around.as_slice(),
            &mut output,
        )?;
        let output = Values::new(output, self.shape);
        Ok((output.clone(), output))
    }

    fn backward(
        &self,
        output: &Values,
        output_gradient: &Values,
        _: [bool; 1],
    ) -> Result<[Option<Values>; 1], KernelError> {
        let gradient = slopes(self.activation, output, output_gradient, self.shape)?;
        self.crossing.leave(gradient.clone());
        Ok([Some(gradient)])
    }
}
