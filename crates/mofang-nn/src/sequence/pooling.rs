//! One vector for a sequence.

use burn::tensor::{Bool, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// How the steps of a sequence become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pooling {
    /// Where each direction ends: the last step of the first half of the features, the first step of the
    /// second half where there are two directions.
    Last,
    /// The largest value of each feature.
    Max,
    /// The mean of each feature.
    Mean,
}

impl Pooling {
    /// `[batch, time, features]` to `[batch, features]`, over the steps that each sequence has. A sequence
    /// without any gives its first step, which is zeros behind a recurrent layer.
    pub(crate) fn forward(
        self,
        steps: Tensor<3>,
        lengths: &[usize],
        has_two_directions: bool,
    ) -> Tensor<2> {
        let [_, time, features] = steps.dims();
        match self {
            Self::Last if has_two_directions => {
                let half = features / 2;
                let ahead = steps.clone().narrow(2, 0, half);
                let ahead = weighted(ahead, weights(lengths, time, is_last));
                let is_first = |step, _| f32::from(u8::from(step == 0));
                let back = steps.narrow(2, half, features - half);
                let back = weighted(back, weights(lengths, time, is_first));
                Tensor::cat(vec![ahead, back], 1)
            }
            Self::Last => last_rows(steps, lengths),
            Self::Max => largest(steps, lengths),
            Self::Mean => weighted(steps, weights(lengths, time, share)),
        }
    }
}

/// The last row of each sequence, `[batch, features]`; of one without any the first.
pub(crate) fn last_rows(steps: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
    let [_, time, _] = steps.dims();
    weighted(steps, weights(lengths, time, is_last))
}

fn is_last(step: usize, length: usize) -> f32 {
    f32::from(u8::from(step + 1 == length.max(1)))
}

#[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^24")]
fn share(step: usize, length: usize) -> f32 {
    let length = length.max(1);
    if step < length {
        1.0 / length as f32
    } else {
        0.0
    }
}

/// The weight of each step of each sequence.
fn weights(lengths: &[usize], time: usize, weight: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let each = |length: &usize| {
        (0..time)
            .map(|step| weight(step, *length))
            .collect::<Vec<_>>()
    };
    lengths.iter().flat_map(each).collect()
}

/// The sum of the steps `[batch, time, features]`, each times its weight `[batch, time]`.
pub(crate) fn weighted(steps: Tensor<3>, weights: Vec<f32>) -> Tensor<2> {
    let [batch, time, _] = steps.dims();
    let weights = TensorData::new(weights, [batch, time, 1]);
    let weights: Tensor<3> = Tensor::from_data(weights, &steps.device());
    (steps * weights).sum_dim(1).squeeze_dim(1)
}

fn largest(steps: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
    let [batch, time, features] = steps.dims();
    let beyond = lengths
        .iter()
        .flat_map(|length| (0..time).map(|step| step >= (*length).max(1)))
        .collect::<Vec<bool>>();
    let beyond = TensorData::new(beyond, [batch, time, 1]);
    let beyond: Tensor<3, Bool> = Tensor::from_data(beyond, &steps.device());
    steps
        .mask_fill(beyond.expand([batch, time, features]), f32::NEG_INFINITY)
        .max_dim(1)
        .squeeze_dim(1)
}
