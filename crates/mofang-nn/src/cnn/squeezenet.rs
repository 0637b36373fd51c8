//! SqueezeNet: Iandola et al. 2016, <https://arxiv.org/abs/1602.07360>, under torchvision's names.

use burn::tensor::Device;
use serde::Deserialize;
use serde_json::json;

use crate::architecture::{parse_config, recognized};
use crate::builder::{Builder, function};
use crate::initializer::Initializer;
use crate::layers::{Conv2d, Convolution, Fire, Layer, Operation, Pooling, Sequence};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

/// SqueezeNet.
#[derive(Debug)]
pub(crate) struct Squeezenet;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    version: String,
    dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: "1.1".to_owned(),
            dropout: 0.5,
        }
    }
}

/// What follows the first convolution and its rectifier.
enum Stage {
    Pool,
    /// Channels after the squeeze and after each of the two expansions.
    Fire(usize, usize),
}

impl Architecture for Squeezenet {
    fn name(&self) -> &'static str {
        "squeezenet"
    }

    fn summary(&self) -> &'static str {
        "SqueezeNet: fire modules, few parameters, no linear layer"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            OptionSpec {
                name: "dropout",
                kind: "number from 0 to below 1",
                default: "0.5",
                summary: "dropout before the last convolution",
            },
            OptionSpec {
                name: "version",
                kind: "\"1.0\" or \"1.1\"",
                default: "\"1.1\"",
                summary: "1.1 pools earlier and takes a third of the time",
            },
        ]
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        use Stage::{Fire, Pool};
        let config: Config = parse_config(self, &spec.architecture.config)?;
        let (width, kernel, stages) = match config.version.as_str() {
            "1.0" => (
                96,
                7,
                [
                    Pool,
                    Fire(16, 64),
                    Fire(16, 64),
                    Fire(32, 128),
                    Pool,
                    Fire(32, 128),
                    Fire(48, 192),
                    Fire(48, 192),
                    Fire(64, 256),
                    Pool,
                    Fire(64, 256),
                ],
            ),
            "1.1" => (
                64,
                3,
                [
                    Pool,
                    Fire(16, 64),
                    Fire(16, 64),
                    Pool,
                    Fire(32, 128),
                    Fire(32, 128),
                    Pool,
                    Fire(48, 192),
                    Fire(48, 192),
                    Fire(64, 256),
                    Fire(64, 256),
                ],
            ),
            other => {
                return Err(NnError::InvalidOption {
                    architecture: self.name(),
                    reason: format!("there is no version \"{other}\"; take \"1.0\" or \"1.1\""),
                });
            }
        };
        let mut builder = Builder::new(start, device);
        let first = Convolution {
            stride: [2; 2],
            padding: [0; 2],
            bias: true,
            ..Convolution::same(spec.image_shape()?[0], width, kernel)
        };
        let he = Initializer::KaimingUniform;
        let first = builder.conv2d(first, he, Initializer::Constant(0.0))?;
        let mut features = vec![Layer::Conv2d(first), function(Operation::Relu)];
        let mut channels = width;
        for stage in stages {
            features.push(match stage {
                Pool => function(Operation::MaxPool(Pooling {
                    ceil_mode: true,
                    ..Pooling::square(3, 2)
                })),
                Fire(squeeze, expand) => {
                    let fire = fire(&mut builder, channels, squeeze, expand)?;
                    channels = 2 * expand;
                    fire
                }
            });
        }
        let last = biased(channels, spec.outputs, 1);
        let dropout = builder.dropout(config.dropout)?;
        let last = builder.conv2d(last, Initializer::Normal(0.01), Initializer::Constant(0.0))?;
        let classifier = vec![
            dropout,
            Layer::Conv2d(last),
            function(Operation::Relu),
            function(Operation::AdaptiveAveragePool([1, 1])),
        ];
        let body = Sequence::named(vec![
            ("features", Layer::Sequence(Sequence::numbered(features))),
            (
                "classifier",
                Layer::Sequence(Sequence::numbered(classifier)),
            ),
        ]);
        Network::from_layers(spec, body)
    }

    fn recognize(&self, weights: &WeightShapes) -> Option<NetworkSpec> {
        weights.get("features.3.squeeze.weight")?;
        let (version, channels) = match weights.dims("features.0.weight")? {
            [96, channels, 7, 7] => ("1.0", channels),
            [64, channels, 3, 3] => ("1.1", channels),
            _ => return None,
        };
        let [classes, _, 1, 1] = weights.dims("classifier.1.weight")? else {
            return None;
        };
        let config = json!({ "version": version });
        Some(recognized(self, config, [channels, 224, 224], classes))
    }
}

fn biased(channels_in: usize, channels_out: usize, kernel: usize) -> Convolution {
    Convolution {
        bias: true,
        ..Convolution::same(channels_in, channels_out, kernel)
    }
}

fn fire(
    builder: &mut Builder<'_>,
    channels: usize,
    squeeze: usize,
    expand: usize,
) -> Result<Layer, NnError> {
    let mut conv = |channels_in, channels_out, kernel| -> Result<Conv2d, NnError> {
        builder.conv2d(
            biased(channels_in, channels_out, kernel),
            Initializer::KaimingUniform,
            Initializer::Constant(0.0),
        )
    };
    Ok(Layer::Fire(Fire {
        squeeze: conv(channels, squeeze, 1)?,
        expand1x1: conv(squeeze, expand, 1)?,
        expand3x3: conv(squeeze, expand, 3)?,
    }))
}
