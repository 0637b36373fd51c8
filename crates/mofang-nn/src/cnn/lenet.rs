//! `LeNet`-5 with rectifiers and max pooling: `LeCun` et al. 1998,
//! <https://doi.org/10.1109/5.726791>.

use burn::tensor::Device;
use serde::Deserialize;
use serde_json::json;

use crate::architecture::{parse_config, recognized};
use crate::builder::{Builder, function};
use crate::initializer::Initializer;
use crate::layers::{Convolution, Layer, Operation, Pooling, Sequence};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

/// `LeNet`-5.
#[derive(Debug)]
pub(crate) struct Lenet;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

impl Architecture for Lenet {
    fn name(&self) -> &'static str {
        "lenet"
    }

    fn summary(&self) -> &'static str {
        "LeNet-5: two convolutions and three linear layers, for images from 12×12"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let Config {} = parse_config(self, &spec.architecture.config)?;
        let mut builder = Builder::new(start, device);
        let default = Initializer::TorchDefault;
        let mut conv = |channels_in, channels_out, padding| {
            let geometry = Convolution {
                padding: [padding; 2],
                bias: true,
                ..Convolution::same(channels_in, channels_out, 5)
            };
            builder
                .conv2d(geometry, default, default)
                .map(Layer::Conv2d)
        };
        let conv1 = conv(spec.image_shape()?[0], 6, 2)?;
        let conv2 = conv(6, 16, 0)?;
        let pool = || function(Operation::MaxPool(Pooling::halving()));
        let features = vec![
            ("conv1", conv1),
            ("relu1", function(Operation::Relu)),
            ("pool1", pool()),
            ("conv2", conv2),
            ("relu2", function(Operation::Relu)),
            ("pool2", pool()),
            ("flatten", function(Operation::Flatten)),
        ];
        let features = Sequence::named(features);
        let [flat, ..] = features.output_shape(spec.image_shape()?)?;
        let mut linear =
            |features_in, features_out| builder.linear(features_in, features_out, default, default);
        let fc1 = linear(flat, 120)?;
        let fc2 = linear(120, 84)?;
        let fc3 = linear(84, spec.outputs)?;
        let body = features.followed_by(vec![
            ("fc1", fc1),
            ("relu3", function(Operation::Relu)),
            ("fc2", fc2),
            ("relu4", function(Operation::Relu)),
            ("fc3", fc3),
        ]);
        Network::from_layers(spec, body)
    }

    fn recognize(&self, weights: &WeightShapes) -> Option<NetworkSpec> {
        let [6, channels, 5, 5] = weights.dims("conv1.weight")? else {
            return None;
        };
        let [16, 6, 5, 5] = weights.dims("conv2.weight")? else {
            return None;
        };
        let [120, flat] = weights.dims("fc1.weight")? else {
            return None;
        };
        let [classes, 84] = weights.dims("fc3.weight")? else {
            return None;
        };
        // An image of side s comes to 16 maps of side (s / 2 - 4) / 2.
        let side = (flat / 16).isqrt() * 4 + 8;
        Some(recognized(self, json!({}), [channels, side, side], classes))
    }
}
