//! Recurrent networks over the tokens of a text or the rows of an image.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use mofang_types::ModelInput;
use serde::Deserialize;
use serde_json::json;

use super::{Pooling, usual_tokens};
use crate::architecture::{parse_config, recognized, recognized_for};
use crate::body::Body;
use crate::builder::Builder;
use crate::initializer::Initializer;
use crate::kernels::RecurrentKind;
use crate::layers::{self, Dropout, Embedding, Linear, Pass, RecurrentLayer};
use crate::{Architecture, Input, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

/// Most layers.
const LAYERS_MAX: usize = 64;

/// Recurrent networks.
#[derive(Debug)]
pub(crate) struct Recurrent;

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Gru,
    Lstm,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    bidirectional: bool,
    dropout: f64,
    embedding_dropout: f64,
    embedding_size: usize,
    hidden_size: usize,
    kind: Kind,
    layers: usize,
    pooling: Pooling,
    recurrent_dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bidirectional: false,
            dropout: 0.0,
            embedding_dropout: 0.0,
            embedding_size: 128,
            hidden_size: 128,
            kind: Kind::Gru,
            layers: 1,
            pooling: Pooling::Last,
            recurrent_dropout: 0.0,
        }
    }
}

impl Architecture for Recurrent {
    fn name(&self) -> &'static str {
        "recurrent"
    }

    fn summary(&self) -> &'static str {
        "LSTM or GRU layers over the tokens of a text, or over the rows of an image"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            OptionSpec {
                name: "bidirectional",
                kind: "true or false",
                default: "false",
                summary: "whether each layer also reads from the end",
            },
            OptionSpec {
                name: "dropout",
                kind: "number in [0, 1)",
                default: "0.0",
                summary: "dropout before the linear layer",
            },
            OptionSpec {
                name: "embedding_dropout",
                kind: "number in [0, 1)",
                default: "0.0",
                summary: "dropout of what the first layer is given",
            },
            OptionSpec {
                name: "embedding_size",
                kind: "whole number from 1",
                default: "128",
                summary: "values of a token's embedding; images have none",
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
                summary: "the unit that the layers are made of",
            },
            OptionSpec {
                name: "layers",
                kind: "whole number from 1 to 64",
                default: "1",
                summary: "recurrent layers one over the other",
            },
            OptionSpec {
                name: "pooling",
                kind: "last, max or mean",
                default: "\"last\"",
                summary: "how the steps become one vector: where each direction ends, or over all steps",
            },
            OptionSpec {
                name: "recurrent_dropout",
                kind: "number in [0, 1)",
                default: "0.0",
                summary: "dropout between two recurrent layers",
            },
        ]
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: Config = parse_config(self, &spec.architecture.config)?;
        let mut builder = Builder::new(start, device);
        let (embedding, features) = match spec.input {
            ModelInput::Tokens {
                vocabulary_size,
                padding_id,
                ..
            } => {
                let size = config.embedding_size;
                let normal = Initializer::Normal(1.0);
                let table = builder.embedding(vocabulary_size, size, normal, Some(padding_id))?;
                (Some(table), size)
            }
            ModelInput::Image {
                channels, width, ..
            } => (None, channels * width),
            ModelInput::Row { .. } => return Err(spec.takes_other("texts or images")),
        };
        let embedding_dropout = builder.dropout_of(config.embedding_dropout)?;
        let stack = Stack {
            kind: config.kind,
            features,
            hidden_size: config.hidden_size,
            layers: config.layers,
            bidirectional: config.bidirectional,
            dropout: config.recurrent_dropout,
        };
        let rnn = recurrent_layers(self.name(), &mut builder, &stack)?;
        let dropout = builder.dropout_of(config.dropout)?;
        let default = Initializer::TorchDefault;
        let fc = builder.linear_of(stack.width(), spec.outputs, default, Some(default))?;
        let body = RecurrentBody {
            embedding,
            embedding_dropout,
            rnn,
            dropout,
            fc,
            pooling: config.pooling,
        };
        Ok(Network::from_body(spec, Body::Recurrent(body)))
    }

    fn recognize(&self, weights: &WeightShapes) -> Option<NetworkSpec> {
        let [rows, features] = weights.dims("rnn.weight_ih_l0")?;
        let [_, hidden_size] = weights.dims("rnn.weight_hh_l0")?;
        let kind = match rows.checked_div(hidden_size)? {
            3 => "gru",
            4 => "lstm",
            _ => return None,
        };
        let layers = (0..LAYERS_MAX)
            .take_while(|index| weights.get(&format!("rnn.weight_ih_l{index}")).is_some())
            .count();
        let bidirectional = weights.get("rnn.weight_ih_l0_reverse").is_some();
        let [outputs, _] = weights.dims("fc.weight")?;
        let mut config = json!({
            "kind": kind, "hidden_size": hidden_size, "layers": layers,
            "bidirectional": bidirectional,
        });
        match weights.dims("embedding.weight") {
            Some([vocabulary_size, size]) if size == features => {
                config["embedding_size"] = size.into();
                let input = usual_tokens(vocabulary_size);
                Some(recognized_for(self, config, input, outputs))
            }
            Some(_) => None,
            None => Some(recognized(self, config, [1, features, features], outputs)),
        }
    }
}

/// Recurrent layers one over the other.
pub(super) struct Stack {
    pub(super) kind: Kind,
    /// Values of a step that the first is given.
    pub(super) features: usize,
    pub(super) hidden_size: usize,
    pub(super) layers: usize,
    pub(super) bidirectional: bool,
    /// Of what the next layer is given.
    pub(super) dropout: f64,
}

impl Stack {
    /// Values of a step that comes out.
    pub(super) fn width(&self) -> usize {
        let directions = if self.bidirectional { 2 } else { 1 };
        self.hidden_size.saturating_mul(directions)
    }
}

/// Makes the layers in their order.
pub(super) fn recurrent_layers(
    architecture: &'static str,
    builder: &mut Builder<'_>,
    stack: &Stack,
) -> Result<layers::Recurrent, NnError> {
    if stack.layers == 0 || stack.layers > LAYERS_MAX {
        return Err(NnError::InvalidOption {
            architecture,
            reason: format!("{} layers are not from 1 to {LAYERS_MAX}", stack.layers),
        });
    }
    let kind = match stack.kind {
        Kind::Gru => RecurrentKind::Gru,
        Kind::Lstm => RecurrentKind::Lstm,
    };
    let mut layers = Vec::with_capacity(stack.layers);
    for index in 0..stack.layers {
        let features = if index == 0 {
            stack.features
        } else {
            stack.width()
        };
        let forward = builder.direction(kind, features, stack.hidden_size)?;
        let reverse = if stack.bidirectional {
            Some(builder.direction(kind, features, stack.hidden_size)?)
        } else {
            None
        };
        let dropout = if index + 1 < stack.layers {
            Some(builder.dropout_of(stack.dropout)?)
        } else {
            None
        };
        layers.push(RecurrentLayer {
            forward,
            reverse,
            dropout,
        });
    }
    Ok(layers::Recurrent { kind, layers })
}

/// The layers, under the names that are usual for them in PyTorch.
#[derive(Module, Debug)]
pub(crate) struct RecurrentBody {
    /// Of tokens; the rows of an image are vectors already.
    embedding: Option<Embedding>,
    embedding_dropout: Dropout,
    rnn: layers::Recurrent,
    dropout: Dropout,
    fc: Linear,
    #[module(skip)]
    pooling: Pooling,
}

impl RecurrentBody {
    pub(crate) fn forward(&self, input: Input, pass: Pass) -> Tensor<2> {
        let (steps, lengths) = match &self.embedding {
            Some(embedding) => {
                let tokens = input.into_tokens();
                (embedding.forward(&tokens), tokens.lengths())
            }
            None => {
                let images = input.into_images();
                let [batch, channels, height, width] = images.dims();
                let rows = images
                    .swap_dims(1, 2)
                    .reshape([batch, height, channels * width]);
                (rows, vec![height; batch])
            }
        };
        let steps = self.embedding_dropout.forward(steps, pass);
        let steps = self.rnn.forward(steps, &lengths, pass);
        let has_two_directions = self.rnn.layers.iter().any(|layer| layer.reverse.is_some());
        let pooled = self.pooling.forward(steps, &lengths, has_two_directions);
        self.fc.rows(self.dropout.forward(pooled, pass))
    }
}
