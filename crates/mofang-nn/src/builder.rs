//! Makes layers with fresh parameters, in order, from one generator.

use burn::module::{Param, RunningState};
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::initializer::Initializer;
use crate::kernels::{Prepared, RecurrentKind};
use crate::layers::{
    BatchNorm2d, Conv1d, Conv2d, Convolution, Direction, Dropout, Embedding, Function, Layer,
    Linear, Operation,
};
use crate::transformer::{LayerNorm, Projection, RmsNorm};
use crate::{NnError, Start};

/// Most values that a network may have: 8 GiB. A configuration from a foreign package must not be
/// able to ask for all memory there is.
const VALUES_MAX: usize = 1 << 31;

/// Makes layers with fresh parameters, in order, from one generator.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    device: &'a Device,
    /// None makes zeros.
    randomness: Option<ChaCha8Rng>,
    values: usize,
    dropouts: u64,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(start: Start, device: &'a Device) -> Self {
        Self {
            device,
            randomness: match start {
                Start::Seed(seed) => Some(ChaCha8Rng::seed_from_u64(seed)),
                Start::Zeros => None,
            },
            values: 0,
            dropouts: 0,
        }
    }

    pub(crate) fn conv2d(
        &mut self,
        geometry: Convolution,
        initializer: Initializer,
        bias: Initializer,
    ) -> Result<Conv2d, NnError> {
        geometry.check()?;
        let Convolution {
            channels_in,
            channels_out,
            kernel: [height, width],
            groups,
            ..
        } = geometry;
        let window = height.saturating_mul(width);
        let fan_in = (channels_in / groups).saturating_mul(window);
        // PyTorch does not divide by the groups here, and neither do the published weights.
        let fan_out = channels_out.saturating_mul(window);
        let shape = [channels_out, channels_in / groups, height, width];
        let weight = self.parameter(shape, initializer, fan_in, fan_out)?;
        let bias = if geometry.bias {
            Some(self.parameter([channels_out], bias, fan_in, fan_out)?)
        } else {
            None
        };
        Ok(Conv2d {
            weight,
            bias,
            geometry,
            prepared: Prepared::default(),
        })
    }

    pub(crate) fn linear(
        &mut self,
        features_in: usize,
        features_out: usize,
        initializer: Initializer,
        bias: Initializer,
    ) -> Result<Layer, NnError> {
        self.linear_with(features_in, features_out, initializer, Some(bias))
    }

    /// As [`Builder::linear`], perhaps without a bias.
    pub(crate) fn linear_with(
        &mut self,
        features_in: usize,
        features_out: usize,
        initializer: Initializer,
        bias: Option<Initializer>,
    ) -> Result<Layer, NnError> {
        self.linear_of(features_in, features_out, initializer, bias)
            .map(Layer::Linear)
    }

    /// As [`Builder::linear_with`], for networks that are not made of [`Layer`]s.
    pub(crate) fn linear_of(
        &mut self,
        features_in: usize,
        features_out: usize,
        initializer: Initializer,
        bias: Option<Initializer>,
    ) -> Result<Linear, NnError> {
        if features_in == 0 || features_out == 0 {
            return Err(NnError::InvalidSpec(format!(
                "there is no linear layer from {features_in} to {features_out} features"
            )));
        }
        let shape = [features_out, features_in];
        let weight = self.parameter(shape, initializer, features_in, features_out)?;
        let bias = bias
            .map(|bias| self.parameter([features_out], bias, features_in, features_out))
            .transpose()?;
        Ok(Linear { weight, bias })
    }

    /// With PyTorch's momentum 0.1 and epsilon 1e-5.
    pub(crate) fn batch_norm2d(&mut self, channels: usize) -> Result<Layer, NnError> {
        self.batch_norm2d_with(channels, 0.1, 1e-5)
    }

    pub(crate) fn batch_norm2d_with(
        &mut self,
        channels: usize,
        momentum: f64,
        epsilon: f64,
    ) -> Result<Layer, NnError> {
        // Written so that NaN is refused too.
        if !((0.0..=1.0).contains(&momentum) && epsilon > 0.0 && epsilon < 1.0) {
            return Err(NnError::InvalidSpec(format!(
                "there is no batch normalization with a momentum of {momentum} and an epsilon of \
                 {epsilon}"
            )));
        }
        let weight = self.parameter([channels], Initializer::Constant(1.0), 1, 1)?;
        let bias = self.parameter([channels], Initializer::Constant(0.0), 1, 1)?;
        Ok(Layer::BatchNorm2d(BatchNorm2d {
            weight,
            bias,
            running_mean: RunningState::new(Tensor::zeros([channels], self.device)),
            running_var: RunningState::new(Tensor::ones([channels], self.device)),
            momentum,
            epsilon,
        }))
    }

    pub(crate) fn dropout(&mut self, probability: f64) -> Result<Layer, NnError> {
        self.dropout_of(probability).map(Layer::Dropout)
    }

    /// As [`Builder::dropout`], for networks that are not made of [`Layer`]s.
    pub(crate) fn dropout_of(&mut self, probability: f64) -> Result<Dropout, NnError> {
        if !(0.0..1.0).contains(&probability) {
            return Err(NnError::InvalidSpec(format!(
                "{probability} is no probability of dropout; take one from 0 to below 1"
            )));
        }
        let site = self.dropouts;
        self.dropouts += 1;
        Ok(Dropout { probability, site })
    }

    /// A table of vectors; the row `padding` begins as zeros.
    pub(crate) fn embedding(
        &mut self,
        rows: usize,
        features: usize,
        initializer: Initializer,
        padding: Option<usize>,
    ) -> Result<Embedding, NnError> {
        if rows == 0 || features == 0 || padding.is_some_and(|padding| padding >= rows) {
            return Err(NnError::InvalidSpec(format!(
                "there is no table of {rows} embeddings with {features} values and the padding \
                 {padding:?}"
            )));
        }
        let table = |values: &mut Vec<f32>| {
            let start = padding.map(|padding| padding * features);
            if let Some(row) = start.and_then(|start| values.get_mut(start..start + features)) {
                row.fill(0.0);
            }
        };
        let weight = self.parameter_with([rows, features], initializer, features, rows, table)?;
        Ok(Embedding { weight, padding })
    }

    /// A layer normalization of rows of so many features.
    pub(crate) fn layer_norm(
        &mut self,
        features: usize,
        epsilon: f64,
    ) -> Result<LayerNorm, NnError> {
        if features == 0 || !(epsilon > 0.0 && epsilon < 1.0) {
            return Err(NnError::InvalidSpec(format!(
                "there is no layer normalization of {features} features with an epsilon of {epsilon}"
            )));
        }
        Ok(LayerNorm {
            weight: self.parameter([features], Initializer::Constant(1.0), 1, 1)?,
            bias: self.parameter([features], Initializer::Constant(0.0), 1, 1)?,
            epsilon,
        })
    }

    /// A parameter that stands for itself.
    pub(crate) fn free<const D: usize>(
        &mut self,
        shape: [usize; D],
        initializer: Initializer,
    ) -> Result<Param<Tensor<D>>, NnError> {
        self.parameter(shape, initializer, 1, 1)
    }

    /// A linear layer whose weights are the other way round, with a bias of zeros.
    pub(crate) fn projection(
        &mut self,
        features_in: usize,
        features_out: usize,
        initializer: Initializer,
    ) -> Result<Projection, NnError> {
        if features_in == 0 || features_out == 0 {
            return Err(NnError::InvalidSpec(format!(
                "there is no linear layer from {features_in} to {features_out} features"
            )));
        }
        let shape = [features_in, features_out];
        Ok(Projection {
            weight: self.parameter(shape, initializer, features_in, features_out)?,
            bias: self.parameter([features_out], Initializer::Constant(0.0), 1, 1)?,
        })
    }

    /// A normalization of rows of so many features by the root of the mean square.
    pub(crate) fn rms_norm(&mut self, features: usize, epsilon: f64) -> Result<RmsNorm, NnError> {
        if features == 0 || !(epsilon > 0.0 && epsilon < 1.0) {
            return Err(NnError::InvalidSpec(format!(
                "there is no normalization of {features} features with an epsilon of {epsilon}"
            )));
        }
        Ok(RmsNorm {
            weight: self.parameter([features], Initializer::Constant(1.0), 1, 1)?,
            epsilon,
        })
    }

    /// A convolution of one dimension with PyTorch's initial values.
    pub(crate) fn conv1d(
        &mut self,
        channels_in: usize,
        channels_out: usize,
        width: usize,
    ) -> Result<Conv1d, NnError> {
        if [channels_in, channels_out, width].contains(&0) {
            return Err(NnError::InvalidSpec(format!(
                "there is no convolution from {channels_in} to {channels_out} channels with a \
                 width of {width}"
            )));
        }
        let fan_in = channels_in.saturating_mul(width);
        let initializer = Initializer::TorchDefault;
        let shape = [channels_out, channels_in, width];
        Ok(Conv1d {
            weight: self.parameter(shape, initializer, fan_in, channels_out)?,
            bias: self.parameter([channels_out], initializer, fan_in, channels_out)?,
        })
    }

    /// One direction of a recurrent layer with PyTorch's initial values.
    pub(crate) fn direction(
        &mut self,
        kind: RecurrentKind,
        features: usize,
        hidden: usize,
    ) -> Result<Direction, NnError> {
        if features == 0 || hidden == 0 {
            return Err(NnError::InvalidSpec(format!(
                "there is no recurrent layer from {features} features to a state of {hidden}"
            )));
        }
        let rows = hidden.saturating_mul(kind.gates());
        let initializer = Initializer::TorchDefault;
        Ok(Direction {
            weight_ih: self.parameter([rows, features], initializer, hidden, hidden)?,
            weight_hh: self.parameter([rows, hidden], initializer, hidden, hidden)?,
            bias_ih: self.parameter([rows], initializer, hidden, hidden)?,
            bias_hh: self.parameter([rows], initializer, hidden, hidden)?,
        })
    }

    pub(crate) fn parameter<const D: usize>(
        &mut self,
        shape: [usize; D],
        initializer: Initializer,
        fan_in: usize,
        fan_out: usize,
    ) -> Result<Param<Tensor<D>>, NnError> {
        self.parameter_with(shape, initializer, fan_in, fan_out, |_| {})
    }

    /// As [`Builder::parameter`], with a change of what was drawn.
    fn parameter_with<const D: usize>(
        &mut self,
        shape: [usize; D],
        initializer: Initializer,
        fan_in: usize,
        fan_out: usize,
        change: impl FnOnce(&mut Vec<f32>),
    ) -> Result<Param<Tensor<D>>, NnError> {
        let count = shape
            .iter()
            .try_fold(1_usize, |product, size| product.checked_mul(*size))
            .filter(|count| self.values.saturating_add(*count) <= VALUES_MAX)
            .ok_or_else(|| {
                NnError::InvalidSpec(format!(
                    "with a parameter of {shape:?} it would have more than {VALUES_MAX} values; \
                     take smaller layers"
                ))
            })?;
        self.values += count;
        let mut values = match &mut self.randomness {
            Some(randomness) => initializer.draw(count, fan_in, fan_out, randomness),
            None => vec![0.0; count],
        };
        change(&mut values);
        let data = TensorData::new(values, shape);
        Ok(Param::from_tensor(Tensor::from_data(data, self.device)))
    }
}

/// A layer without parameters.
pub(crate) fn function(operation: Operation) -> Layer {
    Layer::Function(Function { operation })
}
