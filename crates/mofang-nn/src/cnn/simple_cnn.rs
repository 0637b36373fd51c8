//! A plain network of convolution blocks and linear layers that a recipe configures.

use burn::tensor::Device;
use serde::Deserialize;

use crate::architecture::parse_config;
use crate::builder::{Builder, function};
use crate::initializer::Initializer;
use crate::layers::{Convolution, Layer, Operation, Pooling, Sequence};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

/// Most blocks, convolutions in a block and hidden layers: what a foreign manifest may ask for.
const LAYERS_MAX: usize = 64;

/// Largest kernel.
const KERNEL_MAX: usize = 31;

/// A network of blocks that a recipe configures.
#[derive(Debug)]
pub(crate) struct SimpleCnn;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    blocks: Vec<Block>,
    global_pool: bool,
    hidden: Vec<usize>,
    dropout: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    channels: usize,
    #[serde(default = "default_kernel")]
    kernel: usize,
    #[serde(default = "default_convolutions")]
    convolutions: usize,
    #[serde(default = "default_batch_norm")]
    batch_norm: bool,
    #[serde(default)]
    pool: Pool,
    #[serde(default)]
    dropout: f64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pool {
    #[default]
    Max,
    Average,
    None,
}

fn default_kernel() -> usize {
    3
}

fn default_convolutions() -> usize {
    1
}

fn default_batch_norm() -> bool {
    true
}

impl Default for Config {
    fn default() -> Self {
        let block = |channels| Block {
            channels,
            kernel: default_kernel(),
            convolutions: default_convolutions(),
            batch_norm: default_batch_norm(),
            pool: Pool::default(),
            dropout: 0.0,
        };
        Self {
            blocks: vec![block(32), block(64)],
            global_pool: false,
            hidden: vec![128],
            dropout: 0.0,
        }
    }
}

impl Architecture for SimpleCnn {
    fn name(&self) -> &'static str {
        "simple_cnn"
    }

    fn summary(&self) -> &'static str {
        "blocks of convolution, batch normalization, rectifier and pooling, then linear layers"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            OptionSpec {
                name: "blocks",
                kind: "list of tables: channels, and optionally kernel (odd, 3), convolutions (1), \
                       batch_norm (true), pool (\"max\", \"average\" or \"none\"), dropout (0.0)",
                default: "[{ channels = 32 }, { channels = 64 }]",
                summary: "the convolution blocks, from the image on",
            },
            OptionSpec {
                name: "dropout",
                kind: "number from 0 to below 1",
                default: "0.0",
                summary: "dropout before each linear layer",
            },
            OptionSpec {
                name: "global_pool",
                kind: "true or false",
                default: "false",
                summary: "takes each channel's mean after the blocks instead of all pixels",
            },
            OptionSpec {
                name: "hidden",
                kind: "list of integers",
                default: "[128]",
                summary: "the sizes of the hidden linear layers",
            },
        ]
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: Config = parse_config(self, &spec.architecture.config)?;
        self.check(&config)?;
        let mut builder = Builder::new(start, device);
        let mut layers = Vec::new();
        let mut channels = spec.image_shape()?[0];
        for block in &config.blocks {
            add_block(&mut builder, block, channels, &mut layers)?;
            channels = block.channels;
        }
        if config.global_pool {
            layers.push(function(Operation::AdaptiveAveragePool([1, 1])));
        }
        let features = Sequence::numbered(layers);
        let [channels, height, width] = features.output_shape(spec.image_shape()?)?;
        let mut size = channels * height * width;

        let mut layers = vec![function(Operation::Flatten)];
        for hidden in &config.hidden {
            if config.dropout > 0.0 {
                layers.push(builder.dropout(config.dropout)?);
            }
            layers.push(builder.linear(
                size,
                *hidden,
                Initializer::KaimingUniform,
                Initializer::Constant(0.0),
            )?);
            layers.push(function(Operation::Relu));
            size = *hidden;
        }
        if config.dropout > 0.0 {
            layers.push(builder.dropout(config.dropout)?);
        }
        let default = Initializer::TorchDefault;
        layers.push(builder.linear(size, spec.outputs, default, default)?);
        let body = Sequence::named(vec![
            ("features", Layer::Sequence(features)),
            ("classifier", Layer::Sequence(Sequence::numbered(layers))),
        ]);
        Network::from_layers(spec, body)
    }

    /// Never: the names do not tell which pooling is between the blocks.
    fn recognize(&self, _weights: &WeightShapes) -> Option<NetworkSpec> {
        None
    }
}

impl SimpleCnn {
    fn check(&self, config: &Config) -> Result<(), NnError> {
        let refuse = |reason: String| {
            Err(NnError::InvalidOption {
                architecture: self.name(),
                reason,
            })
        };
        if config.blocks.len() > LAYERS_MAX || config.hidden.len() > LAYERS_MAX {
            return refuse(format!("more than {LAYERS_MAX} blocks or hidden layers"));
        }
        for (index, block) in config.blocks.iter().enumerate() {
            if block.kernel % 2 == 0 || block.kernel > KERNEL_MAX {
                return refuse(format!(
                    "block {index} has a kernel of {}; take an odd one up to {KERNEL_MAX}",
                    block.kernel
                ));
            }
            if block.convolutions == 0 || block.convolutions > LAYERS_MAX {
                return refuse(format!(
                    "block {index} has {} convolutions; take 1 to {LAYERS_MAX}",
                    block.convolutions
                ));
            }
        }
        Ok(())
    }
}

fn add_block(
    builder: &mut Builder<'_>,
    block: &Block,
    channels_in: usize,
    layers: &mut Vec<Layer>,
) -> Result<(), NnError> {
    let mut channels = channels_in;
    for _ in 0..block.convolutions {
        let geometry = Convolution {
            // A bias right before a batch normalization would be subtracted again.
            bias: !block.batch_norm,
            ..Convolution::same(channels, block.channels, block.kernel)
        };
        layers.push(Layer::Conv2d(builder.conv2d(
            geometry,
            Initializer::KaimingNormalFanIn,
            Initializer::Constant(0.0),
        )?));
        if block.batch_norm {
            layers.push(builder.batch_norm2d(block.channels)?);
        }
        layers.push(function(Operation::Relu));
        channels = block.channels;
    }
    match block.pool {
        Pool::Max => layers.push(function(Operation::MaxPool(Pooling::halving()))),
        Pool::Average => layers.push(function(Operation::AveragePool(Pooling::halving()))),
        Pool::None => {}
    }
    if block.dropout != 0.0 {
        layers.push(builder.dropout(block.dropout)?);
    }
    Ok(())
}
