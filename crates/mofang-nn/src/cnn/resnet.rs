//! Residual networks: He et al. 2015, <https://arxiv.org/abs/1512.03385>.
//!
//! Depths 20, 32, 44 and 56 are the paper's networks for CIFAR (section 4.2) with shortcuts without
//! parameters, under the names of <https://github.com/akamaster/pytorch_resnet_cifar10>; depth 18 is
//! the network for ImageNet under torchvision's names.

use burn::tensor::Device;
use serde::Deserialize;

use crate::architecture::parse_config;
use crate::builder::{Builder, function};
use crate::initializer::Initializer;
use crate::layers::{Convolution, Layer, Operation, Pooling, Residual, Sequence, Shortcut};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec};

/// Residual networks.
#[derive(Debug)]
pub(crate) struct Resnet;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    depth: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { depth: 20 }
    }
}

impl Architecture for Resnet {
    fn name(&self) -> &'static str {
        "resnet"
    }

    fn summary(&self) -> &'static str {
        "residual networks: depths 20 to 56 for small images, 18 for large ones"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[OptionSpec {
            name: "depth",
            kind: "18 (ImageNet), 20, 32, 44 or 56 (CIFAR)",
            default: "20",
            summary: "the number of layers with weights",
        }]
    }

    fn build(&self, spec: &NetworkSpec, seed: u64, device: &Device) -> Result<Network, NnError> {
        let Config { depth } = parse_config(self, &spec.architecture.config)?;
        let builder = Builder::new(seed, device);
        let body = match depth {
            18 => imagenet(builder, spec, [2, 2, 2, 2])?,
            20 | 32 | 44 | 56 => cifar(builder, spec, (depth - 2) / 6)?,
            _ => {
                return Err(NnError::InvalidOption {
                    architecture: self.name(),
                    reason: format!("there is no depth {depth}; take 18, 20, 32, 44 or 56"),
                });
            }
        };
        Network::from_layers(spec, body)
    }
}

fn cifar(mut builder: Builder<'_>, spec: &NetworkSpec, blocks: usize) -> Result<Sequence, NnError> {
    let initializer = Initializer::KaimingNormalFanIn;
    let conv1 = Convolution::same(spec.image_shape[0], 16, 3);
    let mut children = vec![
        ("conv1", convolution(&mut builder, conv1, initializer)?),
        ("bn1", builder.batch_norm2d(16)?),
        ("relu", function(Operation::Relu)),
    ];
    let mut channels = 16;
    for (name, width) in [("layer1", 16), ("layer2", 32), ("layer3", 64)] {
        let mut stage = Vec::new();
        for _ in 0..blocks {
            let around = if channels == width {
                (None, Shortcut::Identity)
            } else {
                let padding = (width - channels) / 2;
                (None, Shortcut::Subsample { padding })
            };
            let stride = width / channels;
            stage.push(block(
                &mut builder,
                [channels, width],
                stride,
                initializer,
                around,
            )?);
            channels = width;
        }
        children.push((name, Layer::Sequence(Sequence::numbered(stage))));
    }
    children.push(("avgpool", function(Operation::GlobalAveragePool)));
    let bias = Initializer::TorchDefault;
    children.push((
        "linear",
        builder.linear(64, spec.classes, initializer, bias)?,
    ));
    Ok(Sequence::named(children))
}

fn imagenet(
    mut builder: Builder<'_>,
    spec: &NetworkSpec,
    blocks: [usize; 4],
) -> Result<Sequence, NnError> {
    let initializer = Initializer::KaimingNormalFanOut;
    let conv1 = Convolution {
        stride: 2,
        ..Convolution::same(spec.image_shape[0], 64, 7)
    };
    let pooling = Pooling {
        kernel: 3,
        stride: 2,
        padding: 1,
        ceil_mode: false,
    };
    let mut children = vec![
        ("conv1", convolution(&mut builder, conv1, initializer)?),
        ("bn1", builder.batch_norm2d(64)?),
        ("relu", function(Operation::Relu)),
        ("maxpool", function(Operation::MaxPool(pooling))),
    ];
    let mut channels = 64;
    let stages = [
        ("layer1", 64),
        ("layer2", 128),
        ("layer3", 256),
        ("layer4", 512),
    ];
    for ((name, width), blocks) in stages.into_iter().zip(blocks) {
        let mut stage = Vec::new();
        for _ in 0..blocks {
            let stride = width / channels;
            let downsample = if stride == 1 {
                None
            } else {
                let projection = Convolution {
                    stride,
                    padding: 0,
                    ..Convolution::same(channels, width, 1)
                };
                let projection = convolution(&mut builder, projection, initializer)?;
                let norm = builder.batch_norm2d(width)?;
                Some(Sequence::numbered(vec![projection, norm]))
            };
            let around = (downsample, Shortcut::Identity);
            stage.push(block(
                &mut builder,
                [channels, width],
                stride,
                initializer,
                around,
            )?);
            channels = width;
        }
        children.push((name, Layer::Sequence(Sequence::numbered(stage))));
    }
    children.push(("avgpool", function(Operation::GlobalAveragePool)));
    let default = Initializer::TorchDefault;
    children.push(("fc", builder.linear(512, spec.classes, default, default)?));
    Ok(Sequence::named(children))
}

/// The paper's basic block: two convolutions of 3×3.
fn block(
    builder: &mut Builder<'_>,
    [channels, width]: [usize; 2],
    stride: usize,
    initializer: Initializer,
    (downsample, shortcut): (Option<Sequence>, Shortcut),
) -> Result<Layer, NnError> {
    let conv1 = Convolution {
        stride,
        ..Convolution::same(channels, width, 3)
    };
    let conv2 = Convolution::same(width, width, 3);
    let body = Sequence::named(vec![
        ("conv1", convolution(builder, conv1, initializer)?),
        ("bn1", builder.batch_norm2d(width)?),
        ("relu", function(Operation::Relu)),
        ("conv2", convolution(builder, conv2, initializer)?),
        ("bn2", builder.batch_norm2d(width)?),
    ]);
    Ok(Layer::Residual(Residual {
        body,
        downsample,
        shortcut,
        rectified: true,
    }))
}

fn convolution(
    builder: &mut Builder<'_>,
    geometry: Convolution,
    initializer: Initializer,
) -> Result<Layer, NnError> {
    let bias = Initializer::Constant(0.0);
    Ok(Layer::Conv2d(builder.conv2d(
        geometry,
        initializer,
        bias,
    )?))
}
