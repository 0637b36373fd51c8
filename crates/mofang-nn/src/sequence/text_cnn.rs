//! Convolutions over the tokens of a text: Kim 2014, <https://arxiv.org/abs/1408.5882>.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;
use serde_json::json;

use super::{usual_tokens, vocabulary};
use crate::architecture::{parse_config, recognized_for};
use crate::body::Body;
use crate::builder::Builder;
use crate::initializer::Initializer;
use crate::kernels::{Activation, activate};
use crate::layers::{Conv1d, Dropout, Embedding, Linear, Pass};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, Tokens, WeightShapes};

/// Most widths.
const WIDTHS_MAX: usize = 64;

/// Most tokens that a window covers.
const WIDTH_MAX: usize = 1 << 10;

/// Convolutions over the tokens of a text.
#[derive(Debug)]
pub(crate) struct TextCnn;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    dropout: f64,
    embedding_dropout: f64,
    embedding_size: usize,
    filters: usize,
    widths: Vec<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dropout: 0.5,
            embedding_dropout: 0.0,
            embedding_size: 128,
            filters: 100,
            widths: vec![3, 4, 5],
        }
    }
}

impl Architecture for TextCnn {
    fn name(&self) -> &'static str {
        "text_cnn"
    }

    fn summary(&self) -> &'static str {
        "convolutions of several widths over the tokens of a text, and the largest value of each"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            OptionSpec {
                name: "dropout",
                kind: "number in [0, 1)",
                default: "0.5",
                summary: "dropout before the linear layer",
            },
            OptionSpec {
                name: "embedding_dropout",
                kind: "number in [0, 1)",
                default: "0.0",
                summary: "dropout behind the embeddings",
            },
            OptionSpec {
                name: "embedding_size",
                kind: "whole number from 1",
                default: "128",
                summary: "values of a token's embedding",
            },
            OptionSpec {
                name: "filters",
                kind: "whole number from 1",
                default: "100",
                summary: "channels of each convolution",
            },
            OptionSpec {
                name: "widths",
                kind: "list of whole numbers from 1",
                default: "[3, 4, 5]",
                summary: "tokens that the windows of each convolution cover",
            },
        ]
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: Config = parse_config(self, &spec.architecture.config)?;
        let invalid = |reason: String| NnError::InvalidOption {
            architecture: self.name(),
            reason,
        };
        if config.widths.is_empty() || config.widths.len() > WIDTHS_MAX {
            let count = config.widths.len();
            return Err(invalid(format!(
                "there are {count} widths; take from 1 to {WIDTHS_MAX}, such as [3, 4, 5]"
            )));
        }
        if let Some(width) = config.widths.iter().find(|width| **width > WIDTH_MAX) {
            return Err(invalid(format!(
                "a width of {width} is above {WIDTH_MAX} tokens"
            )));
        }
        let [vocabulary_size, padding_id] = vocabulary(spec)?;
        let mut builder = Builder::new(start, device);
        let embedding = builder.embedding(
            vocabulary_size,
            config.embedding_size,
            Initializer::Normal(1.0),
            Some(padding_id),
        )?;
        let embedding_dropout = builder.dropout_of(config.embedding_dropout)?;
        let convs = config
            .widths
            .iter()
            .map(|width| builder.conv1d(config.embedding_size, config.filters, *width))
            .collect::<Result<Vec<_>, _>>()?;
        let dropout = builder.dropout_of(config.dropout)?;
        let default = Initializer::TorchDefault;
        let features = config.filters.saturating_mul(config.widths.len());
        let fc = builder.linear_of(features, spec.outputs, default, Some(default))?;
        let body = TextCnnBody {
            embedding,
            embedding_dropout,
            convs,
            dropout,
            fc,
        };
        Ok(Network::from_body(spec, Body::TextCnn(body)))
    }

    fn recognize(&self, weights: &WeightShapes) -> Option<NetworkSpec> {
        let [vocabulary_size, embedding_size] = weights.dims("embedding.weight")?;
        let count = weights.count("convs", "weight");
        let shapes = (0..count)
            .map(|index| weights.dims::<3>(&format!("convs.{index}.weight")))
            .collect::<Option<Vec<_>>>()?;
        let [filters, _, _] = *shapes.first()?;
        let is_uniform = |shape: &[usize; 3]| shape[0] == filters && shape[1] == embedding_size;
        let [outputs, features] = weights.dims("fc.weight")?;
        if !shapes.iter().all(is_uniform) || features != filters.checked_mul(count)? {
            return None;
        }
        let widths: Vec<usize> = shapes.iter().map(|shape| shape[2]).collect();
        let config = json!({
            "embedding_size": embedding_size, "filters": filters, "widths": widths,
        });
        Some(recognized_for(
            self,
            config,
            usual_tokens(vocabulary_size),
            outputs,
        ))
    }
}

/// The layers, under the names that are usual for them in PyTorch.
#[derive(Module, Debug)]
pub(crate) struct TextCnnBody {
    embedding: Embedding,
    embedding_dropout: Dropout,
    convs: Vec<Conv1d>,
    dropout: Dropout,
    fc: Linear,
}

impl TextCnnBody {
    /// A window belongs to a text when it ends within it; a text shorter than a window has the one that begins
    /// with it. So a text's outputs do not depend on how far its batch is filled up.
    pub(crate) fn forward(&self, tokens: Tokens, pass: Pass) -> Tensor<2> {
        let widest = self.convs.iter().map(Conv1d::width).max().unwrap_or(1);
        let tokens = tokens.padded_to(widest);
        let lengths = tokens.lengths();
        let embedded = self.embedding.forward(&tokens);
        let embedded = self.embedding_dropout.forward(embedded, pass);
        // [batch, features, 1, time]
        let columns: Tensor<4> = embedded.swap_dims(1, 2).unsqueeze_dim(2);
        let features = self.convs.iter().map(|conv| {
            let values = activate(conv.forward(columns.clone()), Activation::Relu);
            largest_window(values, &lengths, conv.width())
        });
        let features = Tensor::cat(features.collect(), 1);
        self.fc.rows(self.dropout.forward(features, pass))
    }
}

/// The largest value of each channel over the windows of each text: `[batch, channels, 1, windows]`, none
/// below zero, to `[batch, channels]`.
fn largest_window(values: Tensor<4>, lengths: &[usize], width: usize) -> Tensor<2> {
    let [batch, channels, _, windows] = values.dims();
    let own = lengths
        .iter()
        .flat_map(|length| {
            let own = (length + 1).saturating_sub(width).max(1);
            (0..windows).map(move |window| f32::from(u8::from(window < own)))
        })
        .collect::<Vec<f32>>();
    let own: Tensor<4> = Tensor::from_data(
        TensorData::new(own, [batch, 1, 1, windows]),
        &values.device(),
    );
    (values * own).max_dim(3).reshape([batch, channels])
}
