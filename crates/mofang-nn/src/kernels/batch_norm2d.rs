//! Batch normalization with the activation behind it.

use burn::tensor::Tensor;
use burn::tensor::module::{batch_norm, batch_norm_train};
use mofang_kernels::batch_norm2d::{self as kernel, Affine, Statistics};
use mofang_kernels::geometry::ChannelShape;
use mofang_kernels::{Activation, KernelError, recycled};

use super::add::reference;
use super::native::{Kernel, Values, apply, apply_with, discard, native};

/// Parameters of a batch normalization, `[channels]` each.
#[derive(Debug, Clone)]
pub(crate) struct BatchNorm {
    pub(crate) weight: Tensor<1>,
    pub(crate) bias: Tensor<1>,
    pub(crate) epsilon: f64,
}

/// By the given statistics, `[channels]` each.
pub(crate) fn batch_norm2d(
    input: Tensor<4>,
    norm: BatchNorm,
    [mean, variance]: [Tensor<1>; 2],
    activation: Activation,
) -> Tensor<4> {
    let fused = || {
        let normalize = Normalize::of(&input, &norm, activation);
        let inputs = [
            native(&input)?,
            native(&norm.weight)?,
            native(&norm.bias)?,
            native(&mean)?,
            native(&variance)?,
        ];
        let is_tracked = inputs.iter().any(super::native::Native::is_differentiated);
        // Gradients by given statistics are nobody's need: burn's own operations have them.
        (!is_tracked).then(|| apply(normalize, inputs)).flatten()
    };
    match fused() {
        Some(output) => {
            discard(input);
            output
        }
        None => reference(
            batch_norm(input, norm.weight, norm.bias, mean, variance, norm.epsilon),
            activation,
        ),
    }
}

/// By the statistics of the batch; they are given too, mean and variance (divided by the count).
pub(crate) fn batch_norm2d_train(
    input: Tensor<4>,
    norm: BatchNorm,
    activation: Activation,
) -> (Tensor<4>, [Tensor<1>; 2]) {
    let fused = || {
        let normalize = Normalize::of(&input, &norm, activation);
        let inputs = [native(&input)?, native(&norm.weight)?, native(&norm.bias)?];
        apply_with(normalize, inputs)
    };
    if let Some((output, saved)) = fused() {
        // Statistics belong to the network, which lives on the tensor's device.
        let device = output.device();
        let statistics = [saved.statistics.mean, saved.statistics.variance]
            .map(|values| Tensor::from_floats(values.as_slice(), &device));
        return (output, statistics);
    }
    let result = batch_norm_train(input, norm.weight, norm.bias, norm.epsilon);
    let statistics = [result.mean.detach(), result.variance.detach()];
    (reference(result.output, activation), statistics)
}

#[derive(Debug, Clone, Copy)]
struct Normalize {
    shape: [usize; 4],
    epsilon: f64,
    activation: Activation,
}

impl Normalize {
    fn of(input: &Tensor<4>, norm: &BatchNorm, activation: Activation) -> Self {
        Self {
            shape: input.dims(),
            epsilon: norm.epsilon,
            activation,
        }
    }

    fn channels(&self) -> ChannelShape {
        let [batch, channels, height, width] = self.shape;
        ChannelShape {
            batch,
            channels,
            pixels: height * width,
        }
    }

    fn affine<'a>(&self, weight: &'a Values, bias: &'a Values) -> Affine<'a> {
        Affine {
            weight: weight.as_slice(),
            bias: bias.as_slice(),
            epsilon: self.epsilon,
        }
    }
}

#[derive(Debug, Clone)]
struct Saved {
    input: Values,
    weight: Values,
    bias: Values,
    statistics: Statistics,
}

/// Training: input, weight, bias.
impl Kernel<3> for Normalize {
    type Saved = Saved;

    fn release(saved: Saved) -> Vec<Values> {
        vec![saved.input]
    }

    fn forward(&self, [input, weight, bias]: [&Values; 3]) -> Result<(Values, Saved), KernelError> {
        let mut output = recycled(input.as_slice().len());
        let statistics = kernel::train(
            &self.channels(),
            input.as_slice(),
            self.affine(weight, bias),
            self.activation,
            &mut output,
        )?;
        let saved = Saved {
            input: input.clone(),
            weight: weight.clone(),
            bias: bias.clone(),
            statistics,
        };
        Ok((Values::new(output, self.shape), saved))
    }

    fn backward(
        &self,
        saved: &Saved,
        output_gradient: &Values,
        [by_input, by_weight, by_bias]: [bool; 3],
    ) -> Result<[Option<Values>; 3], KernelError> {
        let mut gradient = recycled(saved.input.as_slice().len());
        let affine = kernel::gradient(
            &self.channels(),
            saved.input.as_slice(),
            self.affine(&saved.weight, &saved.bias),
            &saved.statistics,
            self.activation,
            output_gradient.as_slice(),
            &mut gradient,
        )?;
        let channels = [self.shape[1]];
        Ok([
            by_input.then(|| Values::new(gradient, self.shape)),
            by_weight.then(|| Values::new(affine.weight, channels)),
            by_bias.then(|| Values::new(affine.bias, channels)),
        ])
    }
}

/// Evaluation: input, weight, bias, mean, variance, none of them with a gradient.
impl Kernel<5> for Normalize {
    type Saved = ();

    fn release((): ()) -> Vec<Values> {
        Vec::new()
    }

    fn forward(&self, inputs: [&Values; 5]) -> Result<(Values, ()), KernelError> {
        let [input, weight, bias, mean, variance] = inputs;
        let mut output = recycled(input.as_slice().len());
        let statistics = Statistics {
            mean: mean.as_slice().to_vec(),
            variance: variance.as_slice().to_vec(),
        };
        kernel::evaluate(
            &self.channels(),
            input.as_slice(),
            self.affine(weight, bias),
            &statistics,
            self.activation,
            &mut output,
        )?;
        Ok((Values::new(output, self.shape), ()))
    }

    fn backward(
        &self,
        (): &(),
        _: &Values,
        _: [bool; 5],
    ) -> Result<[Option<Values>; 5], KernelError> {
        Ok([const { None }; 5])
    }
}
