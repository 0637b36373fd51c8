//! Linear layers.

use burn::tensor::Tensor;
use mofang_kernels::geometry::LinearShape;
use mofang_kernels::{Activation, KernelError, linear as kernel, recycled};

use super::native::{Kernel, Values, apply, native};

/// `input · weightᵀ + bias`: `input` `[batch, features_in]`, `weight` `[features_out, features_in]`,
/// `bias` `[features_out]`.
pub(crate) fn linear(input: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let fused = || {
        let [batch, features_in] = input.dims();
        let [features_out, _] = weight.dims();
        let product = Product(LinearShape {
            batch,
            features_in,
            features_out,
        });
        let inputs = [native(&input)?, native(&weight)?];
        match &bias {
            Some(bias) => {
                let [input, weight] = inputs;
                apply(product, [input, weight, native(bias)?])
            }
            None => apply(product, inputs),
        }
    };
    match fused() {
        Some(output) => output,
        None => burn::tensor::module::linear(input, weight.transpose(), bias),
    }
}

#[derive(Debug, Clone, Copy)]
struct Product(LinearShape);

impl<const N: usize> Kernel<N> for Product {
    /// Input and weight.
    type Saved = (Values, Values);

    fn release((input, weight): Self::Saved) -> Vec<Values> {
        vec![input, weight]
    }

    fn forward(&self, inputs: [&Values; N]) -> Result<(Values, Self::Saved), KernelError> {
        let (input, weight) = (inputs[0], inputs[1]);
        let LinearShape {
            batch,
            features_out,
            ..
        } = self.0;
        let mut output = recycled(batch * features_out);
        kernel::forward(
            &self.0,
            input.as_slice(),
            weight.as_slice(),
            inputs.get(2).map(|bias| bias.as_slice()),
            Activation::Identity,
            &mut output,
        )?;
        let saved = (input.clone(), weight.clone());
        Ok((Values::new(output, [batch, features_out]), saved))
    }

    fn backward(
        &self,
        (input, weight): &Self::Saved,
        output_gradient: &Values,
        wanted: [bool; N],
    ) -> Result<[Option<Values>; N], KernelError> {
        let LinearShape {
            batch,
            features_in,
            features_out,
        } = self.0;
        let slopes = output_gradient.as_slice();
        let mut gradients = [const { None }; N];
        if wanted[0] {
            let mut gradient = recycled(batch * features_in);
            kernel::input_gradient(&self.0, weight.as_slice(), slopes, &mut gradient)?;
            gradients[0] = Some(Values::new(gradient, [batch, features_in]));
        }
        if wanted[1] {
            let mut gradient = recycled(features_out * features_in);
            kernel::weight_gradient(&self.0, input.as_slice(), slopes, &mut gradient)?;
            gradients[1] = Some(Values::new(gradient, [features_out, features_in]));
        }
        if wanted.get(2) == Some(&true) {
            let mut gradient = recycled(features_out);
            kernel::bias_gradient(&self.0, slopes, &mut gradient)?;
            gradients[2] = Some(Values::new(gradient, [features_out]));
        }
        Ok(gradients)
    }
}
