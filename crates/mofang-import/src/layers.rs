//! Whole modules that were saved: what their classes and attributes say of the network.
//!
//! The classes of `torch.nn` that stand one after the other become the configuration of the
//! architecture `sequential`; torchvision's `VGG` and `AlexNet` are of that kind too. Its `ResNet`,
//! `MobileNetV2` and `SqueezeNet` have branches: their names and shapes tell which they are, and their
//! attributes only whether they are as published ([`check_published`]).

use std::collections::BTreeMap;

use mofang_nn::Network;
use mofang_pytorch::{Module, Value};
use serde_json::{Map, Value as Json, json};

use crate::ImportError;

/// What a whole module tells of its network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Layers {
    /// Layers one after the other.
    Sequential {
        /// The configuration of the architecture `sequential`.
        config: Json,
        /// The channels of the image, when the first layer with weights says them.
        channels: Option<usize>,
        /// The number of outputs, when the last layer with weights says it.
        classes: Option<usize>,
        /// The side of the image, when the published network has one.
        side: Option<usize>,
        /// What was left out, for people.
        notes: Vec<String>,
    },
    /// A network of torchvision with branches: names and shapes tell which.
    Published {
        /// What its convolutions say of themselves, by their path: see [`check_published`].
        convolutions: BTreeMap<String, Json>,
    },
}

/// Reads a module.
pub(crate) fn read(module: &Module<'_>) -> Result<Layers, ImportError> {
    match module.class() {
        "torchvision.models.resnet.ResNet"
        | "torchvision.models.mobilenetv2.MobileNetV2"
        | "torchvision.models.mobilenet.MobileNetV2"
        | "torchvision.models.squeezenet.SqueezeNet" => {
            let mut convolutions = BTreeMap::new();
            published(module, "", &mut convolutions)?;
            Ok(Layers::Published { convolutions })
        }
        "torchvision.models.vgg.VGG" | "torchvision.models.alexnet.AlexNet" => {
            let mut layers = Vec::new();
            let mut notes = Vec::new();
            for (name, child) in module.children() {
                layers.push(named(name, layer(child, name, false, &mut notes)?));
                // `forward` flattens before the classifier, which is no module of its own.
                if *name == "avgpool" {
                    layers.push(named("flatten", json!({ "type": "flatten" })));
                }
            }
            Ok(sequential(module, &layers, Some(224), notes))
        }
        _ if is_sequential(module) => {
            let mut notes = Vec::new();
            let layers = children(module, "", true, &mut notes)?;
            Ok(sequential(module, &layers, None, notes))
        }
        _ => Err(unsupported("", module, "")),
    }
}

fn sequential(
    module: &Module<'_>,
    layers: &[Json],
    side: Option<usize>,
    notes: Vec<String>,
) -> Layers {
    let classes = last_width(layers);
    Layers::Sequential {
        config: json!({ "layers": layers }),
        channels: first_channels(module),
        classes,
        side,
        notes,
    }
}

fn is_sequential(module: &Module<'_>) -> bool {
    matches!(
        module.class(),
        "torch.nn.modules.container.Sequential"
            | "torchvision.ops.misc.Conv2dNormActivation"
            | "torchvision.ops.misc.ConvNormActivation"
    )
}

fn unsupported(path: &str, module: &Module<'_>, reason: &str) -> ImportError {
    ImportError::UnsupportedLayer {
        path: path.to_owned(),
        class: module.class_excerpt(),
        reason: if reason.is_empty() {
            ", which has no counterpart here".to_owned()
        } else {
            format!(" {reason}")
        },
    }
}

fn named(name: &str, mut layer: Json) -> Json {
    if let Some(table) = layer.as_object_mut() {
        table.insert("name".to_owned(), Json::from(name));
    }
    layer
}

/// The modules within one that is sequential; the last of all may be a softmax.
fn children(
    module: &Module<'_>,
    path: &str,
    is_last: bool,
    notes: &mut Vec<String>,
) -> Result<Vec<Json>, ImportError> {
    let children = module.children();
    let mut layers = Vec::with_capacity(children.len());
    for (index, (name, child)) in children.iter().enumerate() {
        let path = joined(path, name);
        let is_last = is_last && index + 1 == children.len();
        layers.push(named(name, layer(child, &path, is_last, notes)?));
    }
    Ok(layers)
}

/// One layer as the architecture `sequential` writes it.
fn layer(
    module: &Module<'_>,
    path: &str,
    is_last: bool,
    notes: &mut Vec<String>,
) -> Result<Json, ImportError> {
    if is_sequential(module) {
        let layers = children(module, path, is_last, notes)?;
        return Ok(json!({ "type": "sequential", "layers": layers }));
    }
    let Some(class) = module
        .class()
        .strip_prefix("torch.nn.modules.")
        .and_then(|class| class.rsplit('.').next())
    else {
        return Err(unsupported(path, module, ""));
    };
    let attributes = Attributes { module, path };
    Ok(match class {
        "AdaptiveAvgPool2d" => {
            json!({ "type": "adaptive_avg_pool2d", "size": attributes.pair("output_size")? })
        }
        "AvgPool2d" => {
            attributes.must_be_none("divisor_override")?;
            let mut pool = attributes.pool("avg_pool2d")?;
            let counts = attributes.flag("count_include_pad", true)?;
            pool.insert("count_include_pad".to_owned(), Json::from(counts));
            Json::Object(pool)
        }
        "BatchNorm2d" | "BatchNorm1d" => {
            attributes.must_be("affine", true)?;
            attributes.must_be("track_running_stats", true)?;
            json!({
                "type": "batch_norm2d",
                "epsilon": attributes.number("eps")?,
                "momentum": attributes.number("momentum")?,
            })
        }
        "Conv2d" => attributes.convolution()?,
        "Dropout" | "Dropout2d" => {
            json!({ "type": "dropout", "probability": attributes.number("p")? })
        }
        "Flatten" => {
            attributes.must_be_number("start_dim", 1.0)?;
            attributes.must_be_number("end_dim", -1.0)?;
            json!({ "type": "flatten" })
        }
        "GELU" => {
            let approximation = module
                .attribute("approximate")
                .and_then(|value| value.text());
            if approximation.is_some_and(|text| text != "none") {
                return Err(unsupported(path, module, "that is approximated by tanh"));
            }
            json!({ "type": "gelu" })
        }
        "Identity" => json!({ "type": "identity" }),
        "LeakyReLU" => {
            json!({ "type": "leaky_relu", "slope": attributes.number("negative_slope")? })
        }
        "Linear" => json!({
            "type": "linear",
            "features": attributes.size("out_features")?,
            "bias": attributes.has_bias(),
        }),
        "LogSoftmax" | "Softmax" if is_last => {
            notes.push(format!(
                "the last layer \"{path}\" is a {class}: raw outputs are logits here, and the \
                 probabilities are the same"
            ));
            json!({ "type": "identity" })
        }
        "MaxPool2d" => {
            attributes.must_be("return_indices", false)?;
            if attributes.pair("dilation")? != [1, 1] {
                return Err(unsupported(path, module, "with a dilation"));
            }
            Json::Object(attributes.pool("max_pool2d")?)
        }
        "ReLU" => json!({ "type": "relu" }),
        "ReLU6" => json!({ "type": "relu6" }),
        "Sigmoid" => json!({ "type": "sigmoid" }),
        "SiLU" => json!({ "type": "silu" }),
        "Tanh" => json!({ "type": "tanh" }),
        _ => return Err(unsupported(path, module, "")),
    })
}

/// The attributes of one module; what is missing or strange is an error that names it.
struct Attributes<'m, 'f> {
    module: &'m Module<'f>,
    path: &'m str,
}

impl Attributes<'_, '_> {
    fn wrong(&self, name: &str) -> ImportError {
        unsupported(
            self.path,
            self.module,
            &format!("whose {name} is not understood"),
        )
    }

    fn number(&self, name: &str) -> Result<f64, ImportError> {
        let value = self.module.attribute(name).and_then(|value| value.number());
        value.ok_or_else(|| self.wrong(name))
    }

    fn size(&self, name: &str) -> Result<usize, ImportError> {
        let value = self.module.attribute(name).as_ref().and_then(size);
        value.ok_or_else(|| self.wrong(name))
    }

    /// Height and width, from two numbers or one for both.
    fn pair(&self, name: &str) -> Result<[usize; 2], ImportError> {
        let value = self.module.attribute(name);
        value
            .as_ref()
            .and_then(pair)
            .ok_or_else(|| self.wrong(name))
    }

    /// A truth value that old versions may not have.
    fn flag(&self, name: &str, default: bool) -> Result<bool, ImportError> {
        match self.module.attribute(name) {
            None => Ok(default),
            Some(value) => value.boolean().ok_or_else(|| self.wrong(name)),
        }
    }

    fn must_be(&self, name: &str, expected: bool) -> Result<(), ImportError> {
        if self.flag(name, expected)? == expected {
            return Ok(());
        }
        let reason = format!("with {name} = {}", if expected { "False" } else { "True" });
        Err(unsupported(self.path, self.module, &reason))
    }

    fn must_be_number(&self, name: &str, expected: f64) -> Result<(), ImportError> {
        #[expect(clippy::float_cmp, reason = "small integers that come as floats")]
        if self.number(name)? == expected {
            return Ok(());
        }
        let reason = format!("whose {name} is not {expected}");
        Err(unsupported(self.path, self.module, &reason))
    }

    fn must_be_none(&self, name: &str) -> Result<(), ImportError> {
        match self.module.attribute(name) {
            Some(value) if !value.is_none() => {
                let reason = format!("with a {name}");
                Err(unsupported(self.path, self.module, &reason))
            }
            _ => Ok(()),
        }
    }

    fn has_bias(&self) -> bool {
        self.module.has_parameter("bias")
    }

    fn convolution(&self) -> Result<Json, ImportError> {
        let mode = self.module.attribute("padding_mode");
        if mode
            .and_then(|mode| mode.text())
            .is_some_and(|mode| mode != "zeros")
        {
            return Err(unsupported(
                self.path,
                self.module,
                "that does not pad with zeros",
            ));
        }
        let kernel = self.pair("kernel_size")?;
        let dilation = self.pair("dilation")?;
        let padding = self.module.attribute("padding");
        let padding = match padding.and_then(|padding| padding.text()) {
            None => self.pair("padding")?,
            Some("valid") => [0, 0],
            Some("same") => {
                let mut padding = [0, 0];
                for ((padding, kernel), dilation) in padding.iter_mut().zip(kernel).zip(dilation) {
                    let total = dilation.saturating_mul(kernel.saturating_sub(1));
                    if total % 2 == 1 {
                        let reason = "that pads one side more than the other";
                        return Err(unsupported(self.path, self.module, reason));
                    }
                    *padding = total / 2;
                }
                padding
            }
            Some(_) => return Err(self.wrong("padding")),
        };
        Ok(json!({
            "type": "conv2d",
            "channels": self.size("out_channels")?,
            "kernel": kernel,
            "stride": self.pair("stride")?,
            "padding": padding,
            "dilation": dilation,
            "groups": self.size("groups")?,
            "bias": self.has_bias(),
        }))
    }

    fn pool(&self, kind: &str) -> Result<Map<String, Json>, ImportError> {
        let pool = json!({
            "type": kind,
            "kernel": self.pair("kernel_size")?,
            "stride": self.pair("stride")?,
            "padding": self.pair("padding")?,
            "ceil_mode": self.flag("ceil_mode", false)?,
        });
        Ok(pool.as_object().cloned().unwrap_or_default())
    }
}

fn size(value: &Value<'_>) -> Option<usize> {
    usize::try_from(value.integer()?).ok()
}

fn pair(value: &Value<'_>) -> Option<[usize; 2]> {
    if let Some(both) = size(value) {
        return Some([both; 2]);
    }
    let sizes: Vec<usize> = value
        .items()?
        .map(|item| size(&item))
        .collect::<Option<_>>()?;
    match sizes.as_slice() {
        [both] => Some([*both; 2]),
        [height, width] => Some([*height, *width]),
        _ => None,
    }
}

/// The channels that the first layer with weights takes, when it is a convolution.
fn first_channels(module: &Module<'_>) -> Option<usize> {
    match module.class_name() {
        "Conv2d" => module.attribute("in_channels").as_ref().and_then(size),
        _ => module
            .children()
            .iter()
            .find(|(_, child)| child.has_weights())
            .and_then(|(_, child)| first_channels(child)),
    }
}

/// The number of values that the last layer with weights gives.
fn last_width(layers: &[Json]) -> Option<usize> {
    layers.iter().rev().find_map(|layer| {
        let width = match layer.get("type")?.as_str()? {
            "linear" => layer.get("features")?.as_u64()?,
            "conv2d" => layer.get("channels")?.as_u64()?,
            "sequential" => return last_width(layer.get("layers")?.as_array()?),
            _ => return None,
        };
        usize::try_from(width).ok()
    })
}

/// What the convolutions of a network of torchvision's say of themselves, by their path.
fn published(
    module: &Module<'_>,
    path: &str,
    convolutions: &mut BTreeMap<String, Json>,
) -> Result<(), ImportError> {
    let attributes = Attributes { module, path };
    match module.class_name() {
        "Conv2d" => {
            convolutions.insert(path.to_owned(), attributes.convolution()?);
        }
        "BatchNorm2d" => attributes.must_be_number("eps", 1e-5)?,
        _ => {}
    }
    for (name, child) in module.children() {
        published(child, &joined(path, name), convolutions)?;
    }
    Ok(())
}

/// Refuses a network of torchvision's that was changed where names and shapes do not show it: each
/// convolution has to be as `network` has it.
pub(crate) fn check_published(
    convolutions: &BTreeMap<String, Json>,
    network: &Network,
) -> Result<(), ImportError> {
    for (path, expected) in network.convolutions() {
        let Some(convolution) = convolutions.get(&path) else {
            continue;
        };
        for (name, expected) in [
            ("stride", json!(expected.stride)),
            ("padding", json!(expected.padding)),
            ("dilation", json!(expected.dilation)),
            ("groups", json!(expected.groups)),
        ] {
            let actual = &convolution[name];
            if *actual != expected {
                return Err(ImportError::UnsupportedLayer {
                    path,
                    class: "torch.nn.modules.conv.Conv2d".to_owned(),
                    reason: format!(
                        " with a {name} of {actual}, where the published network has {expected}"
                    ),
                });
            }
        }
    }
    Ok(())
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
