//! Batch normalization: Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>.

use burn::module::{Module, Param, RunningState};
use burn::tensor::Tensor;

use super::{ImageShape, Pass};
use crate::NnError;
use crate::kernels::{Activation, BatchNorm, batch_norm2d, batch_norm2d_train};

/// `torch.nn.BatchNorm2d`.
///
/// burn's own takes the biased variance into its running statistics, where PyTorch takes the
/// unbiased one, and holds the latest update back until the next pass; both would show in saved
/// weights. A clone shares its running statistics with the original.
#[derive(Module, Debug)]
pub(crate) struct BatchNorm2d {
    /// `[channels]`
    pub(crate) weight: Param<Tensor<1>>,
    /// `[channels]`
    pub(crate) bias: Param<Tensor<1>>,
    /// `[channels]`
    pub(crate) running_mean: RunningState<Tensor<1>>,
    /// `[channels]`
    pub(crate) running_var: RunningState<Tensor<1>>,
    /// The weight of the newest batch in the running statistics.
    pub(crate) momentum: f64,
    /// Added to the variance.
    pub(crate) epsilon: f64,
}

impl BatchNorm2d {
    /// With the activation behind it, which costs nothing here and a pass of its own elsewhere.
    pub(crate) fn forward(
        &self,
        input: Tensor<4>,
        activation: Activation,
        pass: Pass,
    ) -> Tensor<4> {
        match pass {
            Pass::Evaluation => batch_norm2d(input, self.affine(), self.statistics(), activation),
            Pass::Training { .. } => self.forward_train(input, self.affine(), activation),
        }
    }

    pub(crate) fn affine(&self) -> BatchNorm {
        BatchNorm {
            weight: self.weight.val(),
            bias: self.bias.val(),
            epsilon: self.epsilon,
        }
    }

    /// The running mean and variance.
    pub(crate) fn statistics(&self) -> [Tensor<1>; 2] {
        [self.running_mean.value(), self.running_var.value()]
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a batch has far fewer than 2^52 values per channel"
    )]
    fn forward_train(
        &self,
        input: Tensor<4>,
        norm: BatchNorm,
        activation: Activation,
    ) -> Tensor<4> {
        let [batch, _, height, width] = input.dims();
        let count = (batch * height * width) as f64;
        let (output, [mean, variance]) = batch_norm2d_train(input, norm, activation);
        let unbiased = count / (count - 1.0).max(1.0);
        self.update(&self.running_mean, mean);
        self.update(&self.running_var, variance.mul_scalar(unbiased));
        output
    }

    fn update(&self, state: &RunningState<Tensor<1>>, latest: Tensor<1>) {
        let kept = state.value().mul_scalar(1.0 - self.momentum);
        state.update(kept.add(latest.mul_scalar(self.momentum)).detach());
        // Takes the update in now; otherwise a save would miss the last step.
        state.value_sync();
    }

    pub(crate) fn output_shape(&self, input: ImageShape) -> Result<ImageShape, NnError> {
        let [channels] = self.weight.dims();
        if input[0] == channels {
            Ok(input)
        } else {
            Err(NnError::InvalidSpec(format!(
                "a batch normalization takes {channels} channels, not {}",
                input[0]
            )))
        }
    }
}
