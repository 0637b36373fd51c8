//! Any network that is one layer after the other, written down layer by layer: what
//! `torch.nn.Sequential` is. `AlexNet` and VGG are of this kind.

use burn::tensor::Device;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::architecture::{parse_config, recognized};
use crate::builder::{Builder, function};
use crate::initializer::Initializer;
use crate::layers::{Convolution, ImageShape, Layer, Operation, Pooling, Sequence};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

mod layouts;

/// Most layers, those within others included.
const LAYERS_MAX: usize = 512;

/// Most sequences within sequences.
const DEPTH_MAX: usize = 8;

/// A network written down layer by layer.
#[derive(Debug)]
pub(crate) struct Sequential;

/// The configuration of [`Sequential`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SequentialConfig {
    pub(crate) layers: Vec<NamedLayer>,
}

impl Default for SequentialConfig {
    /// A linear classifier.
    fn default() -> Self {
        let linear = LayerSpec::Linear {
            features: None,
            bias: true,
        };
        let layers = [LayerSpec::Flatten {}, linear];
        Self {
            layers: layers
                .into_iter()
                .map(|layer| NamedLayer { name: None, layer })
                .collect(),
        }
    }
}

/// A layer under a name; without one, its place is its name, as in `torch.nn.Sequential`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct NamedLayer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(flatten)]
    pub(crate) layer: LayerSpec,
}

/// A layer; sizes that follow from what comes before are not written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LayerSpec {
    AdaptiveAvgPool2d {
        size: Pair,
    },
    AvgPool2d(PoolSpec),
    BatchNorm2d {
        #[serde(default = "default_momentum")]
        momentum: f64,
        #[serde(default = "default_epsilon")]
        epsilon: f64,
    },
    Conv2d {
        channels: usize,
        kernel: Pair,
        #[serde(default = "one")]
        stride: Pair,
        #[serde(default = "zero")]
        padding: Pair,
        #[serde(default = "one")]
        dilation: Pair,
        #[serde(default = "one_group")]
        groups: usize,
        #[serde(default = "yes")]
        bias: bool,
    },
    Dropout {
        probability: f64,
    },
    Flatten {},
    Gelu {},
    Identity {},
    LeakyRelu {
        slope: f64,
    },
    Linear {
        /// The network's classes when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        features: Option<usize>,
        #[serde(default = "yes")]
        bias: bool,
    },
    MaxPool2d(PoolSpec),
    Relu {},
    Relu6 {},
    Sequential {
        layers: Vec<NamedLayer>,
    },
    Sigmoid {},
    Silu {},
    Tanh {},
}

/// A window that goes over an image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PoolSpec {
    pub(crate) kernel: Pair,
    /// The kernel's own size when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stride: Option<Pair>,
    #[serde(default = "zero")]
    pub(crate) padding: Pair,
    #[serde(default)]
    pub(crate) ceil_mode: bool,
    #[serde(default = "yes")]
    pub(crate) count_include_pad: bool,
}

/// `[height, width]`, or one number for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Pair {
    Both(usize),
    Each([usize; 2]),
}

impl Pair {
    fn sizes(self) -> [usize; 2] {
        match self {
            Self::Both(size) => [size; 2],
            Self::Each(sizes) => sizes,
        }
    }
}

impl From<[usize; 2]> for Pair {
    fn from(sizes: [usize; 2]) -> Self {
        if sizes[0] == sizes[1] {
            Self::Both(sizes[0])
        } else {
            Self::Each(sizes)
        }
    }
}

fn one() -> Pair {
    Pair::Both(1)
}

fn zero() -> Pair {
    Pair::Both(0)
}

fn one_group() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn default_momentum() -> f64 {
    0.1
}

fn default_epsilon() -> f64 {
    1e-5
}

impl<'de> Deserialize<'de> for NamedLayer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        // By hand, because serde cannot refuse unknown keys of a flattened type.
        let mut table = serde_json::Map::deserialize(deserializer)?;
        let name = match table.remove("name") {
            None => None,
            Some(Value::String(name)) => Some(name),
            Some(_) => return Err(D::Error::custom("the name of a layer is not a text")),
        };
        let layer = LayerSpec::deserialize(Value::Object(table)).map_err(D::Error::custom)?;
        Ok(Self { name, layer })
    }
}

impl Architecture for Sequential {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn summary(&self) -> &'static str {
        "one layer after the other, each written down, as torch.nn.Sequential; AlexNet and VGG too"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[OptionSpec {
            name: "layers",
            kind: "list of tables: type (conv2d, batch_norm2d, relu, relu6, leaky_relu, gelu, silu, \
                   sigmoid, tanh, max_pool2d, avg_pool2d, adaptive_avg_pool2d, flatten, linear, \
                   dropout, identity or sequential), the type's own keys, and optionally name",
            default: "[{ type = \"flatten\" }, { type = \"linear\" }]",
            summary: "the layers, from the image on",
        }]
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: SequentialConfig = parse_config(self, &spec.architecture.config)?;
        check_size(&config.layers, 0)
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| NnError::InvalidOption {
                architecture: self.name(),
                reason: format!(
                    "it has no layer, more than {LAYERS_MAX}, or sequences more than {DEPTH_MAX} deep"
                ),
            })?;
        let mut shape = spec.image_shape()?;
        let mut assembly = Assembly {
            builder: Builder::new(start, device),
            classes: spec.outputs,
        };
        let body = assembly.sequence(&config.layers, &mut shape)?;
        Network::from_layers(spec, body)
    }

    fn recognize(&self, weights: &WeightShapes) -> Option<NetworkSpec> {
        let (config, channels, classes) =
            layouts::alexnet(weights).or_else(|| layouts::vgg(weights))?;
        let config = serde_json::to_value(config).ok()?;
        Some(recognized(self, config, [channels, 224, 224], classes))
    }
}

/// The number of layers, when there are not too many too deep.
fn check_size(layers: &[NamedLayer], depth: usize) -> Result<usize, ()> {
    let mut count = 0;
    for NamedLayer { layer, .. } in layers {
        count += 1;
        if let LayerSpec::Sequential { layers } = layer {
            if depth + 1 > DEPTH_MAX {
                return Err(());
            }
            count += check_size(layers, depth + 1)?;
        }
        if count > LAYERS_MAX {
            return Err(());
        }
    }
    Ok(count)
}

/// What building a network needs beside its layers.
struct Assembly<'a> {
    builder: Builder<'a>,
    classes: usize,
}

impl Assembly<'_> {
    /// The layers in a row; `shape` is what comes in and, afterwards, what goes out.
    fn sequence(
        &mut self,
        layers: &[NamedLayer],
        shape: &mut ImageShape,
    ) -> Result<Sequence, NnError> {
        let mut children = Vec::with_capacity(layers.len());
        for (index, NamedLayer { name, layer }) in layers.iter().enumerate() {
            let name = name.clone().unwrap_or_else(|| index.to_string());
            let is_taken = children.iter().any(|(taken, _)| *taken == name);
            if name.is_empty() || name.contains('.') || is_taken {
                return Err(NnError::InvalidSpec(format!(
                    "\"{name}\" cannot name a layer: it is empty, taken or has a dot"
                )));
            }
            let built = self
                .build(layer, shape)
                .map_err(|error| named(&name, &error))?;
            *shape = built
                .output_shape(*shape)
                .map_err(|error| named(&name, &error))?;
            children.push((name, built));
        }
        Ok(Sequence::of(children))
    }

    fn build(&mut self, layer: &LayerSpec, shape: &ImageShape) -> Result<Layer, NnError> {
        let [channels_in, height, width] = *shape;
        let default = Initializer::TorchDefault;
        Ok(match layer {
            LayerSpec::AdaptiveAvgPool2d { size } => {
                let size = size.sizes();
                if size.contains(&0) || size[0] > height.max(1) * 64 || size[1] > width.max(1) * 64
                {
                    return Err(NnError::InvalidSpec(format!(
                        "there is no pooling of {height}×{width} to {size:?}"
                    )));
                }
                function(Operation::AdaptiveAveragePool(size))
            }
            LayerSpec::AvgPool2d(pool) => function(Operation::AveragePool(pooling(pool)?)),
            LayerSpec::BatchNorm2d { momentum, epsilon } => {
                self.builder
                    .batch_norm2d_with(channels_in, *momentum, *epsilon)?
            }
            LayerSpec::Conv2d {
                channels,
                kernel,
                stride,
                padding,
                dilation,
                groups,
                bias,
            } => {
                let geometry = Convolution {
                    channels_in,
                    channels_out: *channels,
                    kernel: kernel.sizes(),
                    stride: stride.sizes(),
                    padding: padding.sizes(),
                    dilation: dilation.sizes(),
                    groups: *groups,
                    bias: *bias,
                };
                Layer::Conv2d(self.builder.conv2d(geometry, default, default)?)
            }
            LayerSpec::Dropout { probability } => self.builder.dropout(*probability)?,
            LayerSpec::Flatten {} => function(Operation::Flatten),
            LayerSpec::Gelu {} => function(Operation::Gelu),
            LayerSpec::Identity {} => function(Operation::Identity),
            LayerSpec::LeakyRelu { slope } => function(Operation::LeakyRelu(*slope)),
            LayerSpec::Linear { features, bias } => {
                if height * width != 1 {
                    return Err(NnError::InvalidSpec(format!(
                        "a linear layer takes a vector, and {channels_in}×{height}×{width} come; \
                     put a flatten before it"
                    )));
                }
                let features = features.unwrap_or(self.classes);
                self.builder
                    .linear_with(channels_in, features, default, bias.then_some(default))?
            }
            LayerSpec::MaxPool2d(pool) => function(Operation::MaxPool(pooling(pool)?)),
            LayerSpec::Relu {} => function(Operation::Relu),
            LayerSpec::Relu6 {} => function(Operation::Relu6),
            LayerSpec::Sequential { layers } => {
                Layer::Sequence(self.sequence(layers, &mut shape.clone())?)
            }
            LayerSpec::Sigmoid {} => function(Operation::Sigmoid),
            LayerSpec::Silu {} => function(Operation::Silu),
            LayerSpec::Tanh {} => function(Operation::Tanh),
        })
    }
}

fn named(name: &str, error: &NnError) -> NnError {
    NnError::InvalidSpec(format!("layer \"{name}\": {error}"))
}

fn pooling(spec: &PoolSpec) -> Result<Pooling, NnError> {
    let kernel = spec.kernel.sizes();
    let stride = spec.stride.map_or(kernel, Pair::sizes);
    if kernel.contains(&0) || stride.contains(&0) {
        return Err(NnError::InvalidSpec(format!(
            "there is no pooling with a kernel of {kernel:?} and a stride of {stride:?}"
        )));
    }
    Ok(Pooling {
        kernel,
        stride,
        padding: spec.padding.sizes(),
        ceil_mode: spec.ceil_mode,
        count_include_pad: spec.count_include_pad,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_written_as_it_is_read() {
        let json = json!({"layers": [
            {"name": "features", "type": "sequential", "layers": [
                {"type": "conv2d", "channels": 4, "kernel": [3, 5], "stride": 2, "padding": 0,
                 "dilation": 1, "groups": 1, "bias": true},
                {"type": "max_pool2d", "kernel": 2, "padding": 0, "ceil_mode": false,
                 "count_include_pad": true},
            ]},
            {"type": "flatten"},
        ]});
        let config = SequentialConfig::deserialize(&json).unwrap();
        assert_eq!(serde_json::to_value(&config).unwrap(), json);
    }

    #[test]
    fn unknown_keys_are_refused_at_every_depth() {
        for layer in [
            json!({"type": "relu", "inplace": true}),
            json!({"type": "conv2d", "channels": 4, "kernel": 3, "kernal": 3}),
            json!({"type": "sequential", "layers": [{"type": "reluu"}]}),
            json!({"name": 3, "type": "relu"}),
        ] {
            let json = json!({ "layers": [layer] });
            assert!(SequentialConfig::deserialize(&json).is_err(), "{json}");
        }
    }
}
