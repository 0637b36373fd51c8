//! Convolution, with what stands behind it in evaluation.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;
use burn::tensor::ops::ConvOptions;
use mofang_kernels::batch_norm2d::{Affine, Statistics};
use mofang_kernels::conv2d::{self as kernel, Epilogue, PreparedWeights};
use mofang_kernels::geometry::{Conv2dGeometry, Conv2dWindows};
use mofang_kernels::{Activation, KernelError, recycled};

use super::native::{Kernel, Native, Values, apply, discard, native};
use super::{BatchNorm, activate, batch_norm2d, symmetric};

/// The weights of a convolution and how its windows lie.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    /// `[channels_out, channels_in / groups, kernel height, kernel width]`
    pub(crate) weight: Tensor<4>,
    /// `[channels_out]`
    pub(crate) bias: Option<Tensor<1>>,
    pub(crate) options: ConvOptions<2>,
    pub(crate) prepared: Prepared,
}

/// Weights in the order in which they are multiplied, kept from one evaluation to the next.
///
/// They hold on to the tensor that they were made of, so that its memory is not another's: as long as a
/// layer has the same memory, it has the same weights.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prepared(Arc<Mutex<Option<Kept>>>);

/// The tensor, and what was made of it.
type Kept = (Values, Arc<PreparedWeights>);

impl Prepared {
    fn of(&self, geometry: &Conv2dGeometry, weight: &Values) -> Option<Arc<PreparedWeights>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((values, prepared)) = kept.as_ref()
            && values.is_same_memory(weight)
        {
            return Some(Arc::clone(prepared));
        }
        let prepared = Arc::new(PreparedWeights::new(geometry, weight.as_slice()).ok()??);
        *kept = Some((weight.clone(), Arc::clone(&prepared)));
        Some(prepared)
    }
}

/// [`burn::tensor::module::conv2d`] of `input` `[batch, channels_in, height, width]`.
pub(crate) fn conv2d(input: Tensor<4>, weights: Weights) -> Tensor<4> {
    let fused = || {
        let convolution = Convolution::of(&input, &weights)?;
        let inputs = [native(&input)?, native(&weights.weight)?];
        match &weights.bias {
            Some(bias) => {
                let [input, weight] = inputs;
                apply(convolution, [input, weight, native(bias)?])
            }
            None => apply(convolution, inputs),
        }
    };
    match fused() {
        Some(output) => {
            discard(input);
            output
        }
        None => burn::tensor::module::conv2d(input, weights.weight, weights.bias, weights.options),
    }
}

/// A convolution, the normalization by given statistics (mean and variance) behind it, and an activation.
/// Where no gradient is asked for, all is one operation.
pub(crate) fn conv2d_normalized(
    input: Tensor<4>,
    weights: Weights,
    norm: Option<(BatchNorm, [Tensor<1>; 2])>,
    activation: Activation,
) -> Tensor<4> {
    if let Some(output) = evaluate(&input, &weights, norm.as_ref(), activation) {
        discard(input);
        return output;
    }
    let output = conv2d(input, weights);
    match norm {
        Some((norm, statistics)) => batch_norm2d(output, norm, statistics, activation),
        None => activate(output, activation),
    }
}

fn evaluate(
    input: &Tensor<4>,
    weights: &Weights,
    norm: Option<&(BatchNorm, [Tensor<1>; 2])>,
    activation: Activation,
) -> Option<Tensor<4>> {
    let convolution = Convolution::of(input, weights)?;
    let is_tracked = matches!(native(input)?, Native::Tracked(..));
    if is_tracked {
        return None;
    }
    let values = |tensor: &Tensor<1>| native(tensor)?.without_gradient();
    let bias = match &weights.bias {
        Some(bias) => Some(values(bias)?),
        None => None,
    };
    let own_bias = bias.as_ref().map(Values::as_slice);
    let folded = match norm {
        Some((norm, [mean, variance])) => {
            let (weight, shift) = (values(&norm.weight)?, values(&norm.bias)?);
            let affine = Affine {
                weight: weight.as_slice(),
                bias: shift.as_slice(),
                epsilon: norm.epsilon,
            };
            let statistics = Statistics {
                mean: values(mean)?.as_slice().to_vec(),
                variance: values(variance)?.as_slice().to_vec(),
            };
            Some(affine.fold(&statistics, own_bias).ok()?)
        }
        None => None,
    };
    let epilogue = Epilogue {
        scale: folded.as_ref().map(|[scale, _]| scale.as_slice()),
        bias: folded.as_ref().map_or(own_bias, |[_, bias]| Some(bias)),
        activation,
    };
    let mut output = recycled(convolution.geometry.output_length());
    let weight = native(&weights.weight)?.without_gradient()?;
    let prepared = weights.prepared.of(&convolution.geometry, &weight);
    kernel::forward_prepared(
        &convolution.geometry,
        native(input)?.without_gradient()?.as_slice(),
        weight.as_slice(),
        prepared.as_deref(),
        epilogue,
        &mut output,
    )
    .ok()?;
    Some(Values::new(output, convolution.output).into_tensor())
}

#[derive(Debug, Clone, Copy)]
struct Convolution {
    geometry: Conv2dGeometry,
    input: [usize; 4],
    weight: [usize; 4],
    output: [usize; 4],
}

impl Convolution {
    fn of(input: &Tensor<4>, weights: &Weights) -> Option<Self> {
        let options = &weights.options;
        let windows = Conv2dWindows {
            stride: options.stride,
            padding: symmetric(options.padding)?,
            dilation: options.dilation,
            groups: options.groups,
        };
        let (input, weight) = (input.dims(), weights.weight.dims());
        let geometry = Conv2dGeometry::new(input, weight, windows).ok()?;
        let [height, width] = geometry.output();
        Some(Self {
            geometry,
            input,
            weight,
            output: [input[0], weight[0], height, width],
        })
    }
}

impl<const N: usize> Kernel<N> for Convolution {
    /// Input and weight.
    type Saved = (Values, Values);

    fn release((input, weight): Self::Saved) -> Vec<Values> {
        vec![input, weight]
    }

    fn forward(&self, inputs: [&Values; N]) -> Result<(Values, Self::Saved), KernelError> {
        let (input, weight) = (inputs[0], inputs[1]);
        let mut output = recycled(self.geometry.output_length());
        kernel::forward(
            &self.geometry,
            input.as_slice(),
            weight.as_slice(),
            Epilogue {
                bias: inputs.get(2).map(|bias| bias.as_slice()),
                ..Epilogue::default()
            },
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
            let mut gradient = recycled(self.geometry.input_length());
            kernel::input_gradient(&self.geometry, weight.as_slice(), slopes, &mut gradient)?;
            gradients[0] = Some(Values::new(gradient, self.input));
        }
        if wanted[1] {
            let mut gradient = recycled(self.geometry.weight_length());
            kernel::weight_gradient(&self.geometry, input.as_slice(), slopes, &mut gradient)?;
            gradients[1] = Some(Values::new(gradient, self.weight));
        }
        if wanted.get(2) == Some(&true) {
            let mut gradient = recycled(self.output[1]);
            kernel::bias_gradient(&self.geometry, slopes, &mut gradient)?;
            gradients[2] = Some(Values::new(gradient, [self.output[1]]));
        }
        Ok(gradients)
    }
}
