//! Residual networks: He et al. 2015, <https://arxiv.org/abs/1512.03385>.
//!
//! Depths 20, 32, 44 and 56 are the paper's networks for CIFAR (section 4.2) with shortcuts without
//! parameters, under the names of <https://github.com/akamaster/pytorch_resnet_cifar10>; depths 18,
//! 34, 50, 101 and 152 are the networks for ImageNet under torchvision's names, which strides in the
//! bottleneck's 3×3 convolution.

use burn::tensor::Device;
use serde::Deserialize;
use serde_json::json;

use crate::architecture::{parse_config, recognized};
use crate::builder::{Builder, function};
use crate::initializer::Initializer;
use crate::layers::{Convolution, Layer, Operation, Pooling, Residual, Sequence, Shortcut};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

/// The depths that there are.
const DEPTHS: [usize; 9] = [18, 20, 32, 34, 44, 50, 56, 101, 152];

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
        "residual networks: depths 20, 32, 44, 56 for small images, 18, 34, 50, 101, 152 for large ones"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[OptionSpec {
            name: "depth",
            kind: "18, 34, 50, 101 or 152 (ImageNet), 20, 32, 44 or 56 (CIFAR)",
            default: "20",
            summary: "the number of layers with weights",
        }]
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let Config { depth } = parse_config(self, &spec.architecture.config)?;
        let mut builder = Builder::new(start, device);
        let Some(plan) = Plan::of_depth(depth) else {
            return Err(NnError::InvalidOption {
                architecture: self.name(),
                reason: format!(
                    "there is no depth {depth}; take 18, 34, 50, 101, 152, 20, 32, 44 or 56"
                ),
            });
        };
        Network::from_layers(spec, plan.build(&mut builder, spec)?)
    }

    fn recognize(&self, weights: &WeightShapes) -> Option<NetworkSpec> {
        let (family, channels, linear) = match weights.dims("conv1.weight")? {
            [64, channels, 7, 7] => (Family::ImageNet, channels, "fc.weight"),
            [16, channels, 3, 3] => (Family::Cifar, channels, "linear.weight"),
            _ => return None,
        };
        let [classes, _] = weights.dims(linear)?;
        let block = match weights.get("layer1.0.conv3.weight") {
            Some(_) => Block::Bottleneck,
            None => Block::Basic,
        };
        let stages = match family {
            Family::Cifar => 3,
            Family::ImageNet => 4,
        };
        let blocks = (1..=stages)
            .map(|stage| weights.count(&format!("layer{stage}"), "conv1.weight"))
            .collect();
        let plan = Plan {
            family,
            block,
            blocks,
        };
        let depth = DEPTHS
            .iter()
            .find(|depth| Plan::of_depth(**depth).as_ref() == Some(&plan))?;
        let side = match family {
            Family::Cifar => 32,
            Family::ImageNet => 224,
        };
        let config = json!({ "depth": depth });
        Some(recognized(self, config, [channels, side, side], classes))
    }
}

/// What is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Two convolutions of 3×3.
    Basic,
    /// 1×1 to a quarter of the channels, 3×3, and 1×1 back.
    Bottleneck,
}

impl Block {
    /// How many times its width it gives.
    fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// Which of the paper's two kinds of network it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Cifar,
    ImageNet,
}

/// A network of the paper: how many blocks its stages have, of which kind.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    family: Family,
    block: Block,
    blocks: Vec<usize>,
}

impl Plan {
    fn of_depth(depth: usize) -> Option<Self> {
        let (family, block, blocks) = match depth {
            18 => (Family::ImageNet, Block::Basic, vec![2, 2, 2, 2]),
            34 => (Family::ImageNet, Block::Basic, vec![3, 4, 6, 3]),
            50 => (Family::ImageNet, Block::Bottleneck, vec![3, 4, 6, 3]),
            101 => (Family::ImageNet, Block::Bottleneck, vec![3, 4, 23, 3]),
            152 => (Family::ImageNet, Block::Bottleneck, vec![3, 8, 36, 3]),
            20 | 32 | 44 | 56 => (Family::Cifar, Block::Basic, vec![(depth - 2) / 6; 3]),
            _ => return None,
        };
        Some(Self {
            family,
            block,
            blocks,
        })
    }

    fn initializer(&self) -> Initializer {
        match self.family {
            Family::Cifar => Initializer::KaimingNormalFanIn,
            Family::ImageNet => Initializer::KaimingNormalFanOut,
        }
    }

    fn build(&self, builder: &mut Builder<'_>, spec: &NetworkSpec) -> Result<Sequence, NnError> {
        let image_channels = spec.image_shape()?[0];
        let (first, mut width) = match self.family {
            Family::Cifar => (Convolution::same(image_channels, 16, 3), 16),
            Family::ImageNet => {
                let first = Convolution {
                    stride: [2; 2],
                    ..Convolution::same(image_channels, 64, 7)
                };
                (first, 64)
            }
        };
        let mut children = vec![
            ("conv1", self.convolution(builder, first)?),
            ("bn1", builder.batch_norm2d(width)?),
            ("relu", function(Operation::Relu)),
        ];
        if self.family == Family::ImageNet {
            let pooling = Pooling {
                padding: [1; 2],
                ..Pooling::square(3, 2)
            };
            children.push(("maxpool", function(Operation::MaxPool(pooling))));
        }
        let mut channels = width;
        let names = ["layer1", "layer2", "layer3", "layer4"];
        for (index, (name, blocks)) in names.into_iter().zip(&self.blocks).enumerate() {
            let mut stride = 1;
            if index > 0 {
                stride = 2;
                width *= 2;
            }
            let mut stage = Vec::new();
            for _ in 0..*blocks {
                stage.push(self.residual(builder, channels, width, stride)?);
                channels = width * self.block.expansion();
                stride = 1;
            }
            children.push((name, Layer::Sequence(Sequence::numbered(stage))));
        }
        children.push(("avgpool", function(Operation::AdaptiveAveragePool([1, 1]))));
        let default = Initializer::TorchDefault;
        let (name, initializer) = match self.family {
            Family::Cifar => ("linear", self.initializer()),
            Family::ImageNet => ("fc", default),
        };
        let linear = builder.linear(channels, spec.outputs, initializer, default)?;
        children.push((name, linear));
        Ok(Sequence::named(children))
    }

    fn residual(
        &self,
        builder: &mut Builder<'_>,
        channels: usize,
        width: usize,
        stride: usize,
    ) -> Result<Layer, NnError> {
        let channels_out = width * self.block.expansion();
        let (downsample, shortcut) = if channels == channels_out && stride == 1 {
            (None, Shortcut::Identity)
        } else if self.family == Family::Cifar {
            let padding = (channels_out - channels) / 2;
            (None, Shortcut::Subsample { padding })
        } else {
            let projection = Convolution {
                stride: [stride; 2],
                ..Convolution::same(channels, channels_out, 1)
            };
            let projection = self.convolution(builder, projection)?;
            let norm = builder.batch_norm2d(channels_out)?;
            let downsample = Sequence::numbered(vec![projection, norm]);
            (Some(downsample), Shortcut::Identity)
        };
        let strided = |channels| Convolution {
            stride: [stride; 2],
            ..Convolution::same(channels, width, 3)
        };
        let geometries = match self.block {
            Block::Basic => vec![strided(channels), Convolution::same(width, width, 3)],
            Block::Bottleneck => vec![
                Convolution::same(channels, width, 1),
                strided(width),
                Convolution::same(width, channels_out, 1),
            ],
        };
        let names = [("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")];
        let mut body = Vec::new();
        for ((conv, norm), geometry) in names.into_iter().zip(geometries) {
            if !body.is_empty() {
                body.push(("relu", function(Operation::Relu)));
            }
            body.push((conv, self.convolution(builder, geometry)?));
            body.push((norm, builder.batch_norm2d(geometry.channels_out)?));
        }
        Ok(Layer::Residual(Residual {
            body: Sequence::named(body),
            downsample,
            shortcut,
            rectified: true,
        }))
    }

    fn convolution(
        &self,
        builder: &mut Builder<'_>,
        geometry: Convolution,
    ) -> Result<Layer, NnError> {
        let bias = Initializer::Constant(0.0);
        let conv2d = builder.conv2d(geometry, self.initializer(), bias)?;
        Ok(Layer::Conv2d(conv2d))
    }
}
