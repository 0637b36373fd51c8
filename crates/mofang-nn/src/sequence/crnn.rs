//! Convolutions and recurrent layers over spectrograms, with outputs at each step: what connectionist temporal
//! classification reads symbols from. After Shi et al. 2015, <https://arxiv.org/abs/1507.05717>.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::Deserialize;

use super::recurrent::{Kind, Stack, recurrent_layers};
use crate::architecture::parse_config;
use crate::body::Body;
use crate::builder::{Builder, function};
use crate::initializer::Initializer;
use crate::layers::{
    self, Convolution, Dropout, Layer, Linear, Operation, Pass, Pooling, Sequence,
};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

/// Most blocks of convolution.
const BLOCKS_MAX: usize = 16;

/// Most steps that a block makes one of.
const STRIDE_MAX: usize = 8;

/// Convolutions and recurrent layers over spectrograms.
#[derive(Debug)]
pub(crate) struct Crnn;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    channels: Vec<usize>,
    dropout: f64,
    hidden_size: usize,
    kind: Kind,
    layers: usize,
    recurrent_dropout: f64,
    time_strides: Vec<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            channels: vec![32, 64, 64],
            dropout: 0.2,
            hidden_size: 128,
            kind: Kind::Gru,
            layers: 2,
            recurrent_dropout: 0.2,
            time_strides: vec![2, 2, 1],
        }
    }
}

impl Architecture for Crnn {
    fn name(&self) -> &'static str {
        "crnn"
    }

    fn summary(&self) -> &'static str {
        "convolutions and recurrent layers in both directions over a spectrogram, with outputs at each step"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            OptionSpec {
                name: "channels",
                kind: "list of whole numbers",
                default: "[32, 64, 64]",
                summary: "channels of each block of convolution, batch normalization, rectifier and pooling, which \
                          halves the bands",
            },
            OptionSpec {
                name: "dropout",
                kind: "number in [0, 1)",
                default: "0.2",
                summary: "dropout before the linear layer",
            },
            OptionSpec {
                name: "hidden_size",
                kind: "whole number from 1",
                default: "128",
                summary: "values of a direction's state",
            },
            OptionSpec {
                name: "kind",
                kind: "gru or lstm",
                default: "\"gru\"",
                summary: "the unit that the recurrent layers are made of",
            },
            OptionSpec {
                name: "layers",
                kind: "whole number from 1 to 64",
                default: "2",
                summary: "recurrent layers one over the other",
            },
            OptionSpec {
                name: "recurrent_dropout",
                kind: "number in [0, 1)",
                default: "0.2",
                summary: "dropout between two recurrent layers",
            },
            OptionSpec {
                name: "time_strides",
                kind: "list of whole numbers from 1 to 8, one for each block",
                default: "[2, 2, 1]",
                summary: "of how many frames each block makes one",
            },
        ]
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: Config = parse_config(self, &spec.architecture.config)?;
        self.check(&config)?;
        let mut builder = Builder::new(start, device);
        let mut blocks = Vec::new();
        let mut channels = spec.image_shape()?[0];
        for (after, stride) in config.channels.iter().zip(&config.time_strides) {
            let geometry = Convolution {
                // A bias right before a batch normalization would be subtracted again.
                bias: false,
                ..Convolution::same(channels, *after, 3)
            };
            let (weight, bias) = (Initializer::KaimingNormalFanIn, Initializer::Constant(0.0));
            blocks.push(Layer::Conv2d(builder.conv2d(geometry, weight, bias)?));
            blocks.push(builder.batch_norm2d(*after)?);
            blocks.push(function(Operation::Relu));
            let pooling = Pooling {
                kernel: [2, *stride],
                stride: [2, *stride],
                ..Pooling::halving()
            };
            blocks.push(function(Operation::MaxPool(pooling)));
            channels = *after;
        }
        let cnn = Sequence::numbered(blocks);
        let [channels, bands, steps] = cnn.output_shape(spec.image_shape()?)?;
        let stack = Stack {
            kind: config.kind,
            features: channels * bands,
            hidden_size: config.hidden_size,
            layers: config.layers,
            bidirectional: true,
            dropout: config.recurrent_dropout,
        };
        let rnn = recurrent_layers(self.name(), &mut builder, &stack)?;
        let dropout = builder.dropout_of(config.dropout)?;
        let default = Initializer::TorchDefault;
        let fc = builder.linear_of(stack.width(), spec.outputs, default, Some(default))?;
        let body = CrnnBody {
            cnn,
            rnn,
            dropout,
            fc,
            steps,
        };
        Ok(Network::from_body(spec, Body::Crnn(body)))
    }

    /// Never: names and shapes do not tell how long the recordings are.
    fn recognize(&self, _: &WeightShapes) -> Option<NetworkSpec> {
        None
    }
}

impl Crnn {
    fn check(&self, config: &Config) -> Result<(), NnError> {
        let refuse = |reason: String| {
            Err(NnError::InvalidOption {
                architecture: self.name(),
                reason,
            })
        };
        let (blocks, strides) = (config.channels.len(), config.time_strides.len());
        if blocks == 0 || blocks > BLOCKS_MAX {
            return refuse(format!("{blocks} channels are not from 1 to {BLOCKS_MAX}"));
        }
        if strides != blocks {
            return refuse(format!(
                "there are {blocks} channels and {strides} time_strides; give one for each block"
            ));
        }
        let mut strides = config.time_strides.iter();
        match strides.find(|stride| !(1..=STRIDE_MAX).contains(*stride)) {
            None => Ok(()),
            Some(stride) => refuse(format!(
                "a time stride of {stride} is not from 1 to {STRIDE_MAX}"
            )),
        }
    }
}

/// The layers, under the names that are usual for them in PyTorch.
#[derive(Module, Debug)]
pub(crate) struct CrnnBody {
    cnn: Sequence,
    rnn: layers::Recurrent,
    dropout: Dropout,
    fc: Linear,
    #[module(skip)]
    steps: usize,
}

impl CrnnBody {
    /// Steps of an example.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    pub(crate) fn convolutions(&self, found: &mut Vec<(String, Convolution)>) {
        self.cnn.convolutions("cnn", found);
    }

    /// `[batch, 1, bands, frames]` to `[batch · steps, outputs]`.
    pub(crate) fn forward(&self, images: Tensor<4>, pass: Pass) -> Tensor<2> {
        let maps = self.cnn.forward(images, pass);
        let [batch, channels, bands, steps] = maps.dims();
        let steps_first = maps.permute([0, 3, 1, 2]);
        let rows = steps_first.reshape([batch, steps, channels * bands]);
        let rows = self.rnn.forward(rows, &vec![steps; batch], pass);
        let rows = self.dropout.forward(rows, pass);
        let [_, _, width] = rows.dims();
        self.fc.rows(rows.reshape([batch * steps, width]))
    }
}
