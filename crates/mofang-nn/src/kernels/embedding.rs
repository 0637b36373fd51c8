//! Rows of a table.

use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData};
use mofang_kernels::geometry::EmbeddingShape;
use mofang_kernels::{KernelError, embedding as kernel, recycled};

use super::native::{Kernel, Values, apply, native};

/// The row of `table` `[rows, features]` for each of `ids`, `[ids, features]`. The row `padding` is given
/// like any other and gets no gradient.
pub(crate) fn embedding(table: Tensor<2>, ids: &Arc<[i64]>, padding: Option<usize>) -> Tensor<2> {
    let [rows, features] = table.dims();
    let fused = native(&table).and_then(|native| {
        let lookup = Lookup {
            shape: EmbeddingShape { rows, features },
            ids: Arc::clone(ids),
            padding,
        };
        apply(lookup, [native])
    });
    fused.unwrap_or_else(|| reference(table, ids, padding))
}

/// By burn's own operations.
fn reference(table: Tensor<2>, ids: &[i64], padding: Option<usize>) -> Tensor<2> {
    let device = table.device();
    let indices = TensorData::new(ids.to_vec(), [1, ids.len()]);
    let indices: Tensor<2, Int> = Tensor::from_data(indices, &device);
    let output: Tensor<2> = burn::tensor::module::embedding(table, indices).squeeze_dim(0);
    let Some(padding) = padding.and_then(|padding| i64::try_from(padding).ok()) else {
        return output;
    };
    let learned: Vec<f32> = ids
        .iter()
        .map(|id| if *id == padding { 0.0 } else { 1.0 })
        .collect();
    let learned: Tensor<2> = Tensor::from_data(TensorData::new(learned, [ids.len(), 1]), &device);
    let fixed = output.clone().detach() * (learned.clone() * -1.0 + 1.0);
    output * learned + fixed
}

#[derive(Debug, Clone)]
struct Lookup {
    shape: EmbeddingShape,
    ids: Arc<[i64]>,
    padding: Option<usize>,
}

impl Kernel<1> for Lookup {
    type Saved = ();

    fn release((): ()) -> Vec<Values> {
        Vec::new()
    }

    fn forward(&self, [table]: [&Values; 1]) -> Result<(Values, ()), KernelError> {
        let features = self.shape.features;
        let mut output = recycled(self.ids.len() * features);
        kernel::forward(&self.shape, table.as_slice(), &self.ids, &mut output)?;
        Ok((Values::new(output, [self.ids.len(), features]), ()))
    }

    fn backward(
        &self,
        (): &(),
        output_gradient: &Values,
        _: [bool; 1],
    ) -> Result<[Option<Values>; 1], KernelError> {
        let EmbeddingShape { rows, features } = self.shape;
        let mut gradient = recycled(rows * features);
        kernel::gradient(
            &self.shape,
            &self.ids,
            self.padding,
            output_gradient.as_slice(),
            &mut gradient,
        )?;
        Ok([Some(Values::new(gradient, [rows, features]))])
    }
}
