//! Several features for each number: Gorishniy et al. 2022, <https://arxiv.org/abs/2203.05556>.

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, TensorData};
use serde::Deserialize;

use crate::NnError;
use crate::builder::Builder;
use crate::initializer::Initializer;

/// What is made of each number.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum NumberFeatures {
    /// The number alone.
    AsItIs {},
    /// Sines and cosines of trainable frequencies, then a linear layer of its own and a rectifier
    /// (section 3.3).
    Periodic {
        /// How many frequencies.
        #[serde(default = "sixteen")]
        frequencies: usize,
        /// The deviation of the first frequencies.
        #[serde(default = "tenth")]
        sigma: f64,
        /// Features of each number that come out.
        #[serde(default = "eight")]
        dimension: usize,
    },
    /// How much of each of the bins it has passed (section 3.2), then a linear layer of its own and a
    /// rectifier. The bins divide [-2.5, 2.5] evenly: a number has to come standardized or, better, from
    /// `quantile_normal`.
    PiecewiseLinear {
        /// How many bins.
        #[serde(default = "sixteen")]
        bins: usize,
        /// Features of each number that come out.
        #[serde(default = "eight")]
        dimension: usize,
    },
}

fn sixteen() -> usize {
    16
}

fn eight() -> usize {
    8
}

fn tenth() -> f64 {
    0.1
}

/// The end of the bins, on both sides.
const REACH: f64 = 2.5;

/// Most bins, frequencies and features.
const SIZE_MAX: usize = 1_024;

impl NumberFeatures {
    /// What is wrong with it.
    pub(crate) fn check(self) -> Result<(), String> {
        let (size, dimension) = match self {
            Self::AsItIs {} => return Ok(()),
            Self::Periodic {
                frequencies,
                sigma,
                dimension,
            } => {
                if !(sigma > 0.0 && sigma.is_finite()) {
                    return Err(format!("numbers: sigma = {sigma} is not above 0"));
                }
                (frequencies, dimension)
            }
            Self::PiecewiseLinear { bins, dimension } => (bins, dimension),
        };
        if (1..=SIZE_MAX).contains(&size) && (1..=SIZE_MAX).contains(&dimension) {
            Ok(())
        } else {
            Err(format!(
                "numbers: sizes {size} and {dimension} are not between 1 and {SIZE_MAX}"
            ))
        }
    }
}

/// Features of the numbers of a row.
#[derive(Module, Debug)]
pub(crate) struct Numbers {
    /// `[numbers, frequencies]`
    frequencies: Option<Param<Tensor<2>>>,
    /// `[numbers, features_in, features_out]`
    weight: Param<Tensor<3>>,
    /// `[numbers, features_out]`
    bias: Param<Tensor<2>>,
    #[module(skip)]
    bins: usize,
}

impl Numbers {
    /// Fresh features; none for numbers as they are, or where there are none.
    pub(crate) fn new(
        builder: &mut Builder<'_>,
        numbers: usize,
        features: NumberFeatures,
    ) -> Result<Option<Self>, NnError> {
        if numbers == 0 {
            return Ok(None);
        }
        let (frequencies, width, dimension, bins) = match features {
            NumberFeatures::AsItIs {} => return Ok(None),
            NumberFeatures::Periodic {
                frequencies,
                sigma,
                dimension,
            } => {
                let shape = [numbers, frequencies];
                let drawn = builder.parameter(shape, Initializer::Normal(sigma), 1, 1)?;
                (Some(drawn), 2 * frequencies, dimension, 0)
            }
            NumberFeatures::PiecewiseLinear { bins, dimension } => (None, bins, dimension, bins),
        };
        let shape = [numbers, width, dimension];
        Ok(Some(Self {
            frequencies,
            weight: builder.parameter(shape, Initializer::TorchDefault, width, dimension)?,
            bias: builder.parameter([numbers, dimension], Initializer::TorchDefault, width, 1)?,
            bins,
        }))
    }

    /// Features of each number that come out.
    pub(crate) fn dimension(&self) -> usize {
        self.bias.dims()[1]
    }

    /// `[batch, numbers]` to `[batch, numbers, dimension]`.
    pub(crate) fn forward(&self, numbers: Tensor<2>) -> Tensor<3> {
        let features = match &self.frequencies {
            Some(frequencies) => {
                let angles = numbers.unsqueeze_dim::<3>(2) * frequencies.val().unsqueeze::<3>();
                let angles = angles * std::f64::consts::TAU;
                Tensor::cat(vec![angles.clone().cos(), angles.sin()], 2)
            }
            None => self.shares(numbers),
        };
        // Each number has a matrix of its own: `[numbers, batch, in] · [numbers, in, out]`.
        let mixed = features.swap_dims(0, 1).matmul(self.weight.val())
            + self.bias.val().unsqueeze_dim::<3>(1);
        relu(mixed).swap_dims(0, 1)
    }

    /// How much of each bin a number has passed: 0 before it, 1 behind it; before the first and behind
    /// the last it goes on beyond.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "bins are few, and edges are f32 like what they are compared with"
    )]
    fn shares(&self, numbers: Tensor<2>) -> Tensor<3> {
        let [batch, count] = numbers.dims();
        let device = numbers.device();
        let line = |values: Vec<f32>| -> Tensor<3> {
            Tensor::from_data(TensorData::new(values, [1, 1, self.bins]), &device)
        };
        let width = 2.0 * REACH / self.bins as f64;
        let edges = (0..self.bins).map(|bin| (bin as f64 * width - REACH) as f32);
        // Ten widths beyond the ends are as good as no end, and keep a wild number finite.
        let far = 10.0 * self.bins as f32;
        let lows = (0..self.bins).map(|bin| if bin == 0 { -far } else { 0.0 });
        let highs = (0..self.bins).map(|bin| if bin + 1 == self.bins { far } else { 1.0 });
        let places = (numbers
            .unsqueeze_dim::<3>(2)
            .expand([batch, count, self.bins])
            - line(edges.collect()))
            / width;
        places
            .max_pair(line(lows.collect()).expand([batch, count, self.bins]))
            .min_pair(line(highs.collect()).expand([batch, count, self.bins]))
    }
}
