//! Rotary position embedding: Su et al. 2021, <https://arxiv.org/abs/2104.09864>.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use mofang_kernels::geometry::{RotaryPairs, RotaryShape};
use mofang_kernels::{KernelError, recycled, rope as kernel};

use super::native::{Kernel, Values, apply, native};

/// Cosines and sines of some positions for heads of some size, value `i` of a head with value
/// `i + features / 2`.
#[derive(Debug, Clone)]
pub(crate) struct Angles {
    features: usize,
    /// `[positions, features / 2]` each.
    tables: Arc<[Vec<f32>; 2]>,
}

impl Angles {
    /// Those of the positions from `first` on; `features` is even.
    #[expect(clippy::cast_precision_loss, reason = "positions are far below 2^52")]
    pub(crate) fn new(first: usize, count: usize, features: usize, base: f64) -> Self {
        let positions: Vec<f64> = (first..first + count).map(|place| place as f64).collect();
        Self {
            features,
            tables: Arc::new(kernel::angles(&positions, features, base)),
        }
    }

    fn positions(&self) -> usize {
        self.tables[0].len() / (self.features / 2).max(1)
    }
}

/// Each head of `input` `[items · positions, heads · features]` turned by the angles of its position.
pub(crate) fn rotate(input: Tensor<2>, angles: &Angles) -> Tensor<2> {
    let fused = native(&input).and_then(|native| {
        let [rows, columns] = input.dims();
        let turn = Turn {
            shape: RotaryShape {
                rows,
                heads: columns / angles.features.max(1),
                features: angles.features,
                rotated: angles.features,
                pairs: RotaryPairs::Halves,
            },
            angles: angles.clone(),
        };
        apply(turn, [native])
    });
    fused.unwrap_or_else(|| reference(input, angles))
}

/// By burn's own operations.
fn reference(input: Tensor<2>, angles: &Angles) -> Tensor<2> {
    let device = input.device();
    let [rows, columns] = input.dims();
    let (positions, half) = (angles.positions(), angles.features / 2);
    let [cosines, sines] = [0, 1].map(|table: usize| -> Tensor<4> {
        let values = TensorData::new(angles.tables[table].clone(), [1, positions, 1, half]);
        Tensor::from_data(values, &device)
    });
    let heads = columns / angles.features.max(1);
    let input: Tensor<4> =
        input.reshape([rows / positions.max(1), positions, heads, angles.features]);
    let (first, second) = (
        input.clone().narrow(3, 0, half),
        input.narrow(3, half, half),
    );
    let turned = vec![
        first.clone() * cosines.clone() - second.clone() * sines.clone(),
        second * cosines + first * sines,
    ];
    Tensor::cat(turned, 3).reshape([rows, columns])
}

#[derive(Debug, Clone)]
struct Turn {
    shape: RotaryShape,
    angles: Angles,
}

impl Turn {
    fn values(&self, values: Vec<f32>) -> Values {
        let RotaryShape {
            rows,
            heads,
            features,
            ..
        } = self.shape;
        Values::new(values, [rows, heads * features])
    }
}

impl Kernel<1> for Turn {
    type Saved = ();

    fn release((): ()) -> Vec<Values> {
        Vec::new()
    }

    fn forward(&self, [input]: [&Values; 1]) -> Result<(Values, ()), KernelError> {
        let [cosines, sines] = &*self.angles.tables;
        let mut output = recycled(input.as_slice().len());
        kernel::forward(&self.shape, cosines, sines, input.as_slice(), &mut output)?;
        Ok((self.values(output), ()))
    }

    fn backward(
        &self,
        (): &(),
        output_gradient: &Values,
        _: [bool; 1],
    ) -> Result<[Option<Values>; 1], KernelError> {
        let [cosines, sines] = &*self.angles.tables;
        let slopes = output_gradient.as_slice();
        let mut gradient = recycled(slopes.len());
        kernel::gradient(&self.shape, cosines, sines, slopes, &mut gradient)?;
        Ok([Some(self.values(gradient))])
    }
}
