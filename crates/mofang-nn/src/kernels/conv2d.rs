//! Convolution.

use burn::tensor::Tensor;
use burn::tensor::ops::ConvOptions;
use mofang_kernels::geometry::{Conv2dGeometry, Conv2dWindows};
use mofang_kernels::{Activation, KernelError, conv2d as kernel};

use super::native::{Kernel, Values, apply, native};
use super::symmetric;

/// [`burn::tensor::module::conv2d`]: `input` `[batch, channels_in, height, width]`, `weight`
/// `[channels_out, channels_in / groups, kernel height, kernel width]`, `bias` `[channels_out]`.

pub(crate) fn conv2d(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: ConvOptions<2>,
) -> Tensor<4> {
    fused(&input, &weight, bias.as_ref(), &options)
        .unwrap_or_else(|| burn::tensor::module::conv2d(input, weight, bias, options))
}

fn fused(
    input: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    options: &ConvOptions<2>,
) -> Option<Tensor<4>> {
    let windows = Conv2dWindows {
        stride: options.stride,
        padding: symmetric(options.padding)?,
        dilation: options.dilation,
        groups: options.groups,
    };
    let geometry = Conv2dGeometry::new(input.dims(), weight.dims(), windows).ok()?;
    let [batch, ..] = input.dims();
    let [channels_out, ..] = weight.dims();
    let [height, width] = geometry.output();
    let convolution = Convolution {
        geometry,
        input: input.dims(),
        weight: weight.dims(),
        output: [batch, channels_out, height, width],
    };
    let (input, weight) = (native(input)?, native(weight)?);
    match bias {
        Some(bias) => apply(convolution, [input, weight, native(bias)?]),
        None => apply(convolution, [input, weight]),
    }
}

#[derive(Debug, Clone, Copy)]
struct Convolution {
    geometry: Conv2dGeometry,
    input: [usize; 4],
    weight: [usize; 4],
    output: [usize; 4],
}

impl<const N: usize> Kernel<N> for Convolution {
    /// Input and weight.
    type Saved = (Values, Values);

    fn forward(&self, inputs: [&Values; N]) -> Result<(Values, Self::Saved), KernelError> {
        let (input, weight) = (inputs[0], inputs[1]);
        let mut output = vec![0.0; self.geometry.output_length()];
        kernel::forward(
            &self.geometry,
            input.as_slice(),
            weight.as_slice(),
            inputs.get(2).map(|bias| bias.as_slice()),
            Activation::Identity,
            &mut output,
        )?;
        let saved = (input.clone(), weight.clone());
        Ok((Values::new(output, self.output), saved))
    }

    fn backward(
        &self,
        (input, weight): &Self::Saved,
        output_gradient: &Values,
        wanted: [bool; N],
    ) -> Result<[Option<Values>; N], KernelError> {
        let slopes = output_gradient.as_slice();
        let mut gradients = [const { None }; N];
        if wanted[0] {
            let mut gradient = vec![0.0; self.geometry.input_length()];
            kernel::input_gradient(&self.geometry, weight.as_slice(), slopes, &mut gradient)?;
            gradients[0] = Some(Values::new(gradient, self.input));
        }
        if wanted[1] {
            let mut gradient = vec![0.0; self.geometry.weight_length()];
            kernel::weight_gradient(&self.geometry, input.as_slice(), slopes, &mut gradient)?;
            gradients[1] = Some(Values::new(gradient, self.weight));
        }
        if wanted.get(2) == Some(&true) {
            let mut gradient = vec![0.0; self.output[1]];
            kernel::bias_gradient(&self.geometry, slopes, &mut gradient)?;
            gradients[2] = Some(Values::new(gradient, [self.output[1]]));
        }
        Ok(gradients)
    }
}
