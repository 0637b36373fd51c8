//! Normalization of rows: layer normalization (Ba et al. 2016, <https://arxiv.org/abs/1607.06450>), and that by the
//! root of the mean square (Zhang and Sennrich 2019, <https://arxiv.org/abs/1910.07467>).

use std::sync::Arc;

use burn::tensor::Tensor;
use mofang_kernels::geometry::RowShape;
use mofang_kernels::layer_norm::{
    self as kernel, Affine, RowStatistics, layer_norm as normalize, layer_norm_gradient,
    rms_norm_gradient,
};
use mofang_kernels::{KernelError, recycled};

use super::native::{Kernel, Values, apply, native};

/// `(x - mean) / √(variance + epsilon) · weight + bias` for each row of `input` `[rows, features]`.
pub(crate) fn layer_norm(
    input: Tensor<2>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
) -> Tensor<2> {
    let fused = || {
        let rows = Rows::of(&input, epsilon);
        let inputs = [native(&input)?, native(&weight)?, native(&bias)?];
        apply(rows, inputs)
    };
    match fused() {
        Some(output) => output,
        None => {
            let centred = input.clone() - input.mean_dim(1);
            let variance = centred.clone().square().mean_dim(1);
            let normal = centred / variance.add_scalar(epsilon).sqrt();
            normal * weight.unsqueeze() + bias.unsqueeze()
        }
    }
}

/// `x / √(mean of x² + epsilon) · weight` for each row of `input` `[rows, features]`.
pub(crate) fn rms_norm(input: Tensor<2>, weight: Tensor<1>, epsilon: f64) -> Tensor<2> {
    let fused = || {
        let rows = Rows::of(&input, epsilon);
        apply(rows, [native(&input)?, native(&weight)?])
    };
    match fused() {
        Some(output) => output,
        None => {
            let square = input.clone().square().mean_dim(1);
            input / square.add_scalar(epsilon).sqrt() * weight.unsqueeze()
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Rows {
    shape: RowShape,
    epsilon: f64,
}

impl Rows {
    fn of(input: &Tensor<2>, epsilon: f64) -> Self {
        let [rows, features] = input.dims();
        Self {
            shape: RowShape { rows, features },
            epsilon,
        }
    }

    fn values(&self, values: Vec<f32>) -> Values {
        Values::new(values, [self.shape.rows, self.shape.features])
    }
}

/// Layer normalization.
impl Kernel<3> for Rows {
    /// Input and weight, and what each row was normalized by.
    type Saved = (Values, Values, Arc<RowStatistics>);

    fn release((input, weight, _): Self::Saved) -> Vec<Values> {
        vec![input, weight]
    }

    fn forward(
        &self,
        [input, weight, bias]: [&Values; 3],
    ) -> Result<(Values, Self::Saved), KernelError> {
        let affine = Affine {
            weight: Some(weight.as_slice()),
            bias: Some(bias.as_slice()),
            epsilon: self.epsilon,
        };
        let mut output = recycled(self.shape.length());
        let statistics = normalize(&self.shape, input.as_slice(), affine, &mut output)?;
        let saved = (input.clone(), weight.clone(), Arc::new(statistics));
        Ok((self.values(output), saved))
    }

    fn backward(
        &self,
        (input, weight, statistics): &Self::Saved,
        output_gradient: &Values,
        wanted: [bool; 3],
    ) -> Result<[Option<Values>; 3], KernelError> {
        let affine = Affine {
            weight: Some(weight.as_slice()),
            bias: None,
            epsilon: self.epsilon,
        };
        let mut gradient = recycled(self.shape.length());
        let by_affine = layer_norm_gradient(
            &self.shape,
            input.as_slice(),
            affine,
            statistics,
            output_gradient.as_slice(),
            &mut gradient,
        )?;
        let features = self.shape.features;
        Ok([
            wanted[0].then(|| self.values(gradient)),
            wanted[1].then(|| Values::new(by_affine.weight, [features])),
            wanted[2].then(|| Values::new(by_affine.bias, [features])),
        ])
    }
}

/// Normalization by the root of the mean square.
impl Kernel<2> for Rows {
    /// Input and weight, and what each row was normalized by.
    type Saved = (Values, Values, Arc<RowStatistics>);

    fn release((input, weight, _): Self::Saved) -> Vec<Values> {
        vec![input, weight]
    }

    fn forward(&self, [input, weight]: [&Values; 2]) -> Result<(Values, Self::Saved), KernelError> {
        let mut output = recycled(self.shape.length());
        let statistics = kernel::rms_norm(
            &self.shape,
            input.as_slice(),
            Some(weight.as_slice()),
            self.epsilon,
            &mut output,
        )?;
        let saved = (input.clone(), weight.clone(), Arc::new(statistics));
        Ok((self.values(output), saved))
    }

    fn backward(
        &self,
        (input, weight, statistics): &Self::Saved,
        output_gradient: &Values,
        wanted: [bool; 2],
    ) -> Result<[Option<Values>; 2], KernelError> {
        let mut gradient = recycled(self.shape.length());
        let by_weight = rms_norm_gradient(
            &self.shape,
            input.as_slice(),
            Some(weight.as_slice()),
            statistics,
            output_gradient.as_slice(),
            &mut gradient,
        )?;
        Ok([
            wanted[0].then(|| self.values(gradient)),
            wanted[1].then(|| Values::new(by_weight, [self.shape.features])),
        ])
    }
}
