//! Linear layers.

use burn::tensor::Tensor;
use mofang_kernels::geometry::LinearShape;
use mofang_kernels::{
    Activation, KernelError, Nonlinearity, linear as kernel, nonlinearity, recycled,
};

use super::native::{Kernel, Native, Values, apply, native};
use super::nonlinearity::reference;

/// `input · weightᵀ + bias`: `input` `[batch, features_in]`, `weight` `[features_out, features_in]`,
/// `bias` `[features_out]`.
pub(crate) fn linear(input: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let fused = || product(&input, &weight, bias.as_ref(), None);
    match fused() {
        Some(output) => output,
        None => burn::tensor::module::linear(input, weight.transpose(), bias),
    }
}

/// As [`linear`], with an activation of what comes out.
pub(crate) fn linear_nonlinear(
    input: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    nonlinearity: Nonlinearity,
) -> Tensor<2> {
    let fused = || product(&input, &weight, bias.as_ref(), Some(nonlinearity));
    match fused() {
        Some(output) => output,
        None => reference(linear(input, weight, bias), nonlinearity),
    }
}

fn product(
    input: &Tensor<2>,
    weight: &Tensor<2>,
    bias: Option<&Tensor<1>>,
    nonlinearity: Option<Nonlinearity>,
) -> Option<Tensor<2>> {
    let [batch, features_in] = input.dims();
    let [features_out, _] = weight.dims();
    let inputs = [native(input)?, native(weight)?];
    let bias = match bias {
        Some(bias) => Some(native(bias)?),
        None => None,
    };
    let product = Product {
        shape: LinearShape {
            batch,
            features_in,
            features_out,
        },
        nonlinearity,
        is_differentiated: inputs.iter().chain(&bias).any(Native::is_differentiated),
    };
    match bias {
        Some(bias) => {
            let [input, weight] = inputs;
            apply(product, [input, weight, bias])
        }
        None => apply(product, inputs),
    }
}

#[derive(Debug, Clone, Copy)]
struct Product {
    shape: LinearShape,
    nonlinearity: Option<Nonlinearity>,
    /// Whether there will be a backward pass.
    is_differentiated: bool,
}

impl Product {
    /// The gradient that the activation lets pass.
    fn slopes(
        &self,
        before: Option<&Values>,
        output_gradient: &Values,
    ) -> Result<Option<Vec<f32>>, KernelError> {
        let (Some(nonlinearity), Some(before)) = (self.nonlinearity, before) else {
            return Ok(None);
        };
        let mut slopes = recycled(before.as_slice().len());
        nonlinearity::gradient(
            nonlinearity,
            before.as_slice(),
            output_gradient.as_slice(),
            &mut slopes,
        )?;
        Ok(Some(slopes))
    }
}

impl<const N: usize> Kernel<N> for Product {
    /// Input and weight, and what the activation was given.
    type Saved = (Values, Values, Option<Values>);

    fn release((input, weight, before): Self::Saved) -> Vec<Values> {
        [input, weight].into_iter().chain(before).collect()
    }

    fn forward(&self, inputs: [&Values; N]) -> Result<(Values, Self::Saved), KernelError> {
        let (input, weight) = (inputs[0], inputs[1]);
        let bias = inputs.get(2).map(|bias| bias.as_slice());
        let LinearShape {
            batch,
            features_out,
            ..
        } = self.shape;
        let shape = [batch, features_out];
        let mut output = recycled(batch * features_out);
        let mut before = None;
        match self.nonlinearity {
            None => kernel::forward(
                &self.shape,
                input.as_slice(),
                weight.as_slice(),
                bias,
                Activation::Identity,
                &mut output,
            )?,
            Some(nonlinearity) => {
                before = self.is_differentiated.then(|| recycled(output.len()));
                kernel::forward_nonlinear(
                    &self.shape,
                    input.as_slice(),
                    weight.as_slice(),
                    bias,
                    nonlinearity,
                    before.as_deref_mut(),
                    &mut output,
                )?;
            }
        }
        let before = before.map(|before| Values::new(before, shape));
        let saved = (input.clone(), weight.clone(), before);
        Ok((Values::new(output, shape), saved))
    }

    fn backward(
        &self,
        (input, weight, before): &Self::Saved,
        output_gradient: &Values,
        wanted: [bool; N],
    ) -> Result<[Option<Values>; N], KernelError> {
        let LinearShape {
            batch,
            features_in,
            features_out,
        } = self.shape;
        let own = self.slopes(before.as_ref(), output_gradient)?;
        let slopes = own.as_deref().unwrap_or(output_gradient.as_slice());
        let mut gradients = [const { None }; N];
        if wanted[0] {
            let mut gradient = recycled(batch * features_in);
            kernel::input_gradient(&self.shape, weight.as_slice(), slopes, &mut gradient)?;
            gradients[0] = Some(Values::new(gradient, [batch, features_in]));
        }
        if wanted[1] {
            let mut gradient = recycled(features_out * features_in);
            kernel::weight_gradient(&self.shape, input.as_slice(), slopes, &mut gradient)?;
            gradients[1] = Some(Values::new(gradient, [features_out, features_in]));
        }
        if wanted.get(2) == Some(&true) {
            let mut gradient = recycled(features_out);
            kernel::bias_gradient(&self.shape, slopes, &mut gradient)?;
            gradients[2] = Some(Values::new(gradient, [features_out]));
        }
        if let Some(slopes) = own {
            mofang_kernels::recycle(slopes);
        }
        Ok(gradients)
    }
}
