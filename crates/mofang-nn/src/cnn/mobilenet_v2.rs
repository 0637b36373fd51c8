//! MobileNetV2: Sandler et al. 2018, <https://arxiv.org/abs/1801.04381>, under torchvision's names.

use burn::tensor::Device;
use serde::Deserialize;
use serde_json::json;

use crate::architecture::{parse_config, recognized};
use crate::builder::{Builder, function};
use crate::initializer::Initializer;
use crate::layers::{Convolution, Layer, Operation, Residual, Sequence, Shortcut};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

/// The paper's table 2: expansion, channels, repetitions, stride of the first.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Largest width multiplier.
const WIDTH_MAX: f64 = 8.0;

/// The same in hundredths, which published multipliers are whole numbers of.
const WIDTH_HUNDREDTHS_MAX: u32 = 800;

/// MobileNetV2.
#[derive(Debug)]
pub(crate) struct MobilenetV2;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    width_multiplier: f64,
    dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            width_multiplier: 1.0,
            dropout: 0.2,
        }
    }
}

impl Architecture for MobilenetV2 {
    fn name(&self) -> &'static str {
        "mobilenet_v2"
    }

    fn summary(&self) -> &'static str {
        "MobileNetV2: inverted residuals of depthwise convolutions, for slow processors"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            OptionSpec {
                name: "dropout",
                kind: "number from 0 to below 1",
                default: "0.2",
                summary: "dropout before the linear layer",
            },
            OptionSpec {
                name: "width_multiplier",
                kind: "number above 0, up to 8",
                default: "1.0",
                summary: "scales the channels of every layer",
            },
        ]
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: Config = parse_config(self, &spec.architecture.config)?;
        let width = config.width_multiplier;
        if !(width > 0.0 && width <= WIDTH_MAX) {
            return Err(NnError::InvalidOption {
                architecture: self.name(),
                reason: format!("width_multiplier {width} is not above 0 and up to {WIDTH_MAX}"),
            });
        }
        let mut builder = Builder::new(start, device);
        let mut channels = scaled(32, width);
        let first = Convolution {
            stride: [2; 2],
            ..Convolution::same(spec.image_shape()?[0], channels, 3)
        };
        let mut features = vec![rectified(&mut builder, first)?];
        for (expansion, base, repetitions, first_stride) in STAGES {
            let channels_out = scaled(base, width);
            for repetition in 0..repetitions {
                let stride = if repetition == 0 { first_stride } else { 1 };
                features.push(inverted_residual(
                    &mut builder,
                    [channels, channels_out],
                    stride,
                    expansion,
                )?);
                channels = channels_out;
            }
        }
        let last = scaled(1280, width.max(1.0));
        features.push(rectified(
            &mut builder,
            Convolution::same(channels, last, 1),
        )?);
        let dropout = builder.dropout(config.dropout)?;
        let linear = builder.linear(
            last,
            spec.outputs,
            Initializer::Normal(0.01),
            Initializer::Constant(0.0),
        )?;
        let body = Sequence::named(vec![
            ("features", Layer::Sequence(Sequence::numbered(features))),
            ("avgpool", function(Operation::AdaptiveAveragePool([1, 1]))),
            (
                "classifier",
                Layer::Sequence(Sequence::numbered(vec![dropout, linear])),
            ),
        ]);
        Network::from_layers(spec, body)
    }

    fn recognize(&self, weights: &WeightShapes) -> Option<NetworkSpec> {
        let [first, channels, 3, 3] = weights.dims("features.0.0.weight")? else {
            return None;
        };
        let [classes, last] = weights.dims("classifier.1.weight")?;
        let mut widths = vec![first];
        for index in 1..=17 {
            // The last convolution of a block: the only one whose number depends on the block.
            let place = if index == 1 { 1 } else { 2 };
            let [width, _, 1, 1] =
                weights.dims(&format!("features.{index}.conv.{place}.weight"))?
            else {
                return None;
            };
            widths.push(width);
        }
        // Several come to the same widths: rounder ones first.
        let multiplier = [100, 25, 5, 1]
            .into_iter()
            .flat_map(|step| (step..=WIDTH_HUNDREDTHS_MAX).step_by(step as usize))
            .map(|hundredths| f64::from(hundredths) / 100.0)
            .find(|multiplier| {
                let stages = STAGES
                    .iter()
                    .flat_map(|(_, base, repetitions, _)| std::iter::repeat_n(*base, *repetitions));
                std::iter::once(32)
                    .chain(stages)
                    .map(|base| scaled(base, *multiplier))
                    .eq(widths.iter().copied())
                    && scaled(1280, multiplier.max(1.0)) == last
            })?;
        let config = json!({ "width_multiplier": multiplier });
        Some(recognized(self, config, [channels, 224, 224], classes))
    }
}

/// The multiple of 8 nearest to `channels × width`, at most a tenth below it: torchvision's
/// `_make_divisible`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "at most 1280 × 8, and positive"
)]
fn scaled(channels: usize, width: f64) -> usize {
    let wanted = channels as f64 * width;
    let rounded = ((wanted + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * wanted {
        rounded + 8
    } else {
        rounded
    }
}

fn convolution(builder: &mut Builder<'_>, geometry: Convolution) -> Result<Layer, NnError> {
    Ok(Layer::Conv2d(builder.conv2d(
        geometry,
        Initializer::KaimingNormalFanOut,
        Initializer::Constant(0.0),
    )?))
}

/// Convolution, batch normalization, rectifier up to 6.
fn rectified(builder: &mut Builder<'_>, geometry: Convolution) -> Result<Layer, NnError> {
    Ok(Layer::Sequence(Sequence::numbered(vec![
        convolution(builder, geometry)?,
        builder.batch_norm2d(geometry.channels_out)?,
        function(Operation::Relu6),
    ])))
}

fn inverted_residual(
    builder: &mut Builder<'_>,
    [channels_in, channels_out]: [usize; 2],
    stride: usize,
    expansion: usize,
) -> Result<Layer, NnError> {
    let hidden = channels_in * expansion;
    let mut conv = Vec::new();
    if expansion != 1 {
        conv.push(rectified(
            builder,
            Convolution::same(channels_in, hidden, 1),
        )?);
    }
    let depthwise = Convolution {
        stride: [stride; 2],
        groups: hidden,
        ..Convolution::same(hidden, hidden, 3)
    };
    conv.push(rectified(builder, depthwise)?);
    conv.push(convolution(
        builder,
        Convolution::same(hidden, channels_out, 1),
    )?);
    conv.push(builder.batch_norm2d(channels_out)?);
    let body = Sequence::named(vec![("conv", Layer::Sequence(Sequence::numbered(conv)))]);
    if stride == 1 && channels_in == channels_out {
        Ok(Layer::Residual(Residual {
            body,
            downsample: None,
            shortcut: Shortcut::Identity,
            rectified: false,
        }))
    } else {
        Ok(Layer::Sequence(body))
    }
}
