//! Transformer encoders of texts: Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>; as sentence embeddings
//! Reimers and Gurevych 2019, <https://arxiv.org/abs/1908.10084>.
//!
//! The options have the names of `config.json` of transformers' `BertModel`, and so have the parameters. With the
//! head `classification` and the pooling `pooler` it is `BertForSequenceClassification`.
#![expect(
    non_snake_case,
    reason = "`LayerNorm` is the name of a module in the weights"
)]

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use mofang_types::ModelInput;
use serde::Deserialize;

use super::decoder::positions;
use super::encoder::{SelfAttention, check_encoder, dense};
use super::{KeyMask, LayerNorm};
use crate::architecture::parse_config;
use crate::body::Body;
use crate::builder::Builder;
use crate::initializer::Initializer;
use crate::kernels::Nonlinearity;
use crate::layers::{Dropout, Embedding, Linear, Pass};
use crate::sequence::{vocabulary, weighted};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, Tokens, WeightShapes};

/// Transformer encoders of texts.
#[derive(Debug)]
pub(crate) struct Bert;

/// How the rows of a text's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pooling {
    /// That of the first token.
    Cls,
    /// The mean of all that are not padding.
    Mean,
    /// That of the first token after a linear layer and a hyperbolic tangent, as BERT was trained.
    Pooler,
}

/// What is made of that row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Head {
    /// Dropout and a linear layer.
    Classification,
    /// Nothing.
    Embedding,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    attention_probs_dropout_prob: f64,
    classifier_dropout: Option<f64>,
    head: Head,
    hidden_act: String,
    hidden_dropout_prob: f64,
    hidden_size: usize,
    intermediate_size: usize,
    layer_norm_eps: f64,
    max_position_embeddings: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    pooling: Pooling,
    type_vocab_size: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            attention_probs_dropout_prob: 0.1,
            classifier_dropout: None,
            head: Head::Classification,
            hidden_act: "gelu".to_owned(),
            hidden_dropout_prob: 0.1,
            hidden_size: 768,
            intermediate_size: 3072,
            layer_norm_eps: 1e-12,
            max_position_embeddings: 512,
            num_attention_heads: 12,
            num_hidden_layers: 12,
            pooling: Pooling::Mean,
            type_vocab_size: 2,
        }
    }
}

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "attention_probs_dropout_prob",
        kind: "number in [0, 1)",
        default: "0.1",
        summary: "dropout of what a token attends to; 0 trains faster",
    },
    OptionSpec {
        name: "classifier_dropout",
        kind: "number in [0, 1), or absent",
        default: "null",
        summary: "dropout before the classifier; hidden_dropout_prob where absent",
    },
    OptionSpec {
        name: "head",
        kind: "classification or embedding",
        default: "\"classification\"",
        summary: "a linear layer behind the pooled row, or nothing",
    },
    OptionSpec {
        name: "hidden_act",
        kind: "gelu, gelu_new, gelu_pytorch_tanh, relu, silu or swish",
        default: "\"gelu\"",
        summary: "the activation between the two linear layers of a block",
    },
    OptionSpec {
        name: "hidden_dropout_prob",
        kind: "number in [0, 1)",
        default: "0.1",
        summary: "dropout behind the embeddings, the attention and the linear layers",
    },
    OptionSpec {
        name: "hidden_size",
        kind: "whole number, a multiple of num_attention_heads",
        default: "768",
        summary: "values of a token's row",
    },
    OptionSpec {
        name: "intermediate_size",
        kind: "whole number from 1",
        default: "3072",
        summary: "values between the two linear layers of a block",
    },
    OptionSpec {
        name: "layer_norm_eps",
        kind: "number in (0, 1)",
        default: "1e-12",
        summary: "what layer normalization adds to the variance",
    },
    OptionSpec {
        name: "max_position_embeddings",
        kind: "whole number from 1",
        default: "512",
        summary: "the most tokens of a text",
    },
    OptionSpec {
        name: "num_attention_heads",
        kind: "whole number from 1",
        default: "12",
        summary: "heads of each attention",
    },
    OptionSpec {
        name: "num_hidden_layers",
        kind: "whole number from 1 to 256",
        default: "12",
        summary: "blocks one over the other",
    },
    OptionSpec {
        name: "pooling",
        kind: "cls, mean or pooler",
        default: "\"mean\"",
        summary: "how the rows of a text's tokens become one: the first, the mean, or the first after a layer",
    },
    OptionSpec {
        name: "type_vocab_size",
        kind: "whole number from 1",
        default: "2",
        summary: "kinds of segments; every token is of the first",
    },
];

impl Config {
    fn check(&self, spec: &NetworkSpec) -> Result<(), NnError> {
        let invalid = |reason: String| {
            Err(NnError::InvalidOption {
                architecture: Bert.name(),
                reason,
            })
        };
        let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
        check_encoder(Bert.name(), hidden, heads, self.num_hidden_layers)?;
        if let ModelInput::Tokens { length_max, .. } = spec.input
            && length_max > self.max_position_embeddings
        {
            return invalid(format!(
                "texts have up to {length_max} tokens, and there are {} positions; truncate to that \
                 in the pipeline",
                self.max_position_embeddings
            ));
        }
        if self.head == Head::Embedding && spec.outputs != hidden {
            return invalid(format!(
                "an embedding has as many values as hidden_size, {hidden}, not {}",
                spec.outputs
            ));
        }
        Ok(())
    }

    fn nonlinearity(&self) -> Result<Nonlinearity, NnError> {
        match self.hidden_act.as_str() {
            "gelu" => Ok(Nonlinearity::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" => Ok(Nonlinearity::GeluTanh),
            "relu" => Ok(Nonlinearity::Relu),
            "silu" | "swish" => Ok(Nonlinearity::Silu),
            other => Err(NnError::InvalidOption {
                architecture: Bert.name(),
                reason: format!(
                    "there is no hidden_act \"{}\"; take gelu, gelu_new, gelu_pytorch_tanh, relu, silu \
                     or swish",
                    other.chars().take(80).collect::<String>()
                ),
            }),
        }
    }
}

impl Architecture for Bert {
    fn name(&self) -> &'static str {
        "bert"
    }

    fn summary(&self) -> &'static str {
        "BERT: a Transformer encoder of texts, for classes or embeddings"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: Config = parse_config(self, &spec.architecture.config)?;
        let [vocabulary_size, padding_id] = vocabulary(spec)?;
        config.check(spec)?;
        let mut maker = Maker {
            nonlinearity: config.nonlinearity()?,
            builder: Builder::new(start, device),
            config,
        };
        let body = maker.body(vocabulary_size, padding_id, spec.outputs)?;
        Ok(Network::from_body(spec, Body::Bert(body)))
    }

    /// Names and shapes do not tell how many heads there are, which `config.json` does.
    fn recognize(&self, _: &WeightShapes) -> Option<NetworkSpec> {
        None
    }
}

/// Makes the layers in their order.
struct Maker<'a> {
    config: Config,
    nonlinearity: Nonlinearity,
    builder: Builder<'a>,
}

impl Maker<'_> {
    fn body(
        &mut self,
        vocabulary_size: usize,
        padding_id: usize,
        outputs: usize,
    ) -> Result<BertBody, NnError> {
        let hidden = self.config.hidden_size;
        let embeddings = self.embeddings(vocabulary_size, padding_id)?;
        let layer = (0..self.config.num_hidden_layers)
            .map(|_| self.block())
            .collect::<Result<Vec<_>, _>>()?;
        let pooler = match self.config.pooling {
            Pooling::Pooler => Some(Pooler {
                dense: self.linear(hidden, hidden)?,
            }),
            Pooling::Cls | Pooling::Mean => None,
        };
        let bert = BertModel {
            embeddings,
            encoder: Encoder { layer },
            pooler,
            pooling: self.config.pooling,
        };
        if self.config.head == Head::Embedding {
            return Ok(BertBody::Embedding(bert));
        }
        let probability = self.config.classifier_dropout;
        let probability = probability.unwrap_or(self.config.hidden_dropout_prob);
        Ok(BertBody::Classification(Classification {
            bert,
            dropout: self.builder.dropout_of(probability)?,
            classifier: self.linear(hidden, outputs)?,
        }))
    }

    fn embeddings(
        &mut self,
        vocabulary_size: usize,
        padding_id: usize,
    ) -> Result<Embeddings, NnError> {
        let hidden = self.config.hidden_size;
        let mut table = |rows, padding| {
            let normal = Initializer::Normal(0.02);
            self.builder.embedding(rows, hidden, normal, padding)
        };
        let word_embeddings = table(vocabulary_size, Some(padding_id))?;
        let position_embeddings = table(self.config.max_position_embeddings, None)?;
        let token_type_embeddings = table(self.config.type_vocab_size, None)?;
        Ok(Embeddings {
            word_embeddings,
            position_embeddings,
            token_type_embeddings,
            LayerNorm: self.norm()?,
            dropout: self.dropout()?,
        })
    }

    fn block(&mut self) -> Result<Block, NnError> {
        let (hidden, inner) = (self.config.hidden_size, self.config.intermediate_size);
        let attention = Attention {
            self_: SelfAttention::new(
                &mut self.builder,
                hidden,
                self.config.num_attention_heads,
                self.config.attention_probs_dropout_prob,
            )?,
            output: self.output(hidden)?,
        };
        Ok(Block {
            attention,
            intermediate: Intermediate {
                dense: self.linear(hidden, inner)?,
                nonlinearity: self.nonlinearity,
            },
            output: self.output(inner)?,
        })
    }

    fn output(&mut self, features: usize) -> Result<Output, NnError> {
        Ok(Output {
            dense: self.linear(features, self.config.hidden_size)?,
            dropout: self.dropout()?,
            LayerNorm: self.norm()?,
        })
    }

    fn linear(&mut self, features_in: usize, features_out: usize) -> Result<Linear, NnError> {
        dense(&mut self.builder, features_in, features_out)
    }

    fn norm(&mut self) -> Result<LayerNorm, NnError> {
        let epsilon = self.config.layer_norm_eps;
        self.builder.layer_norm(self.config.hidden_size, epsilon)
    }

    fn dropout(&mut self) -> Result<Dropout, NnError> {
        self.builder.dropout_of(self.config.hidden_dropout_prob)
    }
}

/// An encoder with its head. Variants are no part of the names of parameters.
#[derive(Module, Debug)]
pub(crate) enum BertBody {
    /// `BertForSequenceClassification`
    Classification(Classification),
    /// `BertModel`
    Embedding(BertModel),
}

#[derive(Module, Debug)]
pub(crate) struct Classification {
    bert: BertModel,
    dropout: Dropout,
    classifier: Linear,
}

#[derive(Module, Debug)]
pub(crate) struct BertModel {
    embeddings: Embeddings,
    encoder: Encoder,
    pooler: Option<Pooler>,
    #[module(skip)]
    pooling: Pooling,
}

#[derive(Module, Debug)]
struct Embeddings {
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Embedding,
    LayerNorm: LayerNorm,
    dropout: Dropout,
}

#[derive(Module, Debug)]
struct Encoder {
    layer: Vec<Block>,
}

#[derive(Module, Debug)]
struct Block {
    attention: Attention,
    intermediate: Intermediate,
    output: Output,
}

#[derive(Module, Debug)]
struct Attention {
    self_: SelfAttention,
    output: Output,
}

#[derive(Module, Debug)]
struct Intermediate {
    dense: Linear,
    #[module(skip)]
    nonlinearity: Nonlinearity,
}

/// A linear layer, dropout, and the normalization of the sum with what came in.
#[derive(Module, Debug)]
struct Output {
    dense: Linear,
    dropout: Dropout,
    LayerNorm: LayerNorm,
}

#[derive(Module, Debug)]
struct Pooler {
    dense: Linear,
}

impl BertBody {
    /// `[batch, outputs]`
    pub(crate) fn forward(&self, tokens: &Tokens, pass: Pass) -> Tensor<2> {
        match self {
            Self::Embedding(bert) => bert.forward(tokens, pass),
            Self::Classification(body) => {
                let pooled = body.bert.forward(tokens, pass);
                body.classifier.rows(body.dropout.forward(pooled, pass))
            }
        }
    }
}

impl BertModel {
    /// `[batch, hidden]`
    fn forward(&self, tokens: &Tokens, pass: Pass) -> Tensor<2> {
        let mask = KeyMask::of(tokens);
        let mut rows = self.embeddings.forward(tokens, pass);
        for block in &self.encoder.layer {
            rows = block.forward(rows, &mask, pass);
        }
        let [_, hidden] = rows.dims();
        let steps = rows.reshape([tokens.batch(), tokens.length(), hidden]);
        let first = |steps: Tensor<3>| steps.narrow(1, 0, 1).squeeze_dim(1);
        match (&self.pooler, self.pooling) {
            (Some(pooler), _) => pooler.dense.nonlinear(first(steps), Nonlinearity::Tanh),
            (None, Pooling::Mean) => mean(steps, tokens),
            (None, Pooling::Cls | Pooling::Pooler) => first(steps),
        }
    }
}

/// The mean over the tokens that are not padding; the first row of a text without any.
fn mean(steps: Tensor<3>, tokens: &Tokens) -> Tensor<2> {
    let valid = tokens.valid();
    let shares: Vec<f32> = valid
        .chunks(tokens.length().max(1))
        .flat_map(|valid| {
            let count = valid.iter().filter(|valid| **valid).count();
            let share = share_of(count);
            valid.iter().enumerate().map(move |(place, valid)| {
                if *valid || (count == 0 && place == 0) {
                    share
                } else {
                    0.0
                }
            })
        })
        .collect();
    weighted(steps, shares)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "texts have far fewer tokens than 2^24"
)]
fn share_of(count: usize) -> f32 {
    1.0 / count.max(1) as f32
}

impl Embeddings {
    fn forward(&self, tokens: &Tokens, pass: Pass) -> Tensor<2> {
        let (batch, length) = (tokens.batch(), tokens.length());
        let positions = positions(0, batch, length);
        let kinds: Arc<[i64]> = vec![0; batch * length].into();
        let sum = self.word_embeddings.rows(tokens.ids())
            + self.token_type_embeddings.rows(&kinds)
            + self.position_embeddings.rows(&positions);
        self.dropout.forward(self.LayerNorm.forward(sum), pass)
    }
}

impl Block {
    fn forward(&self, input: Tensor<2>, mask: &KeyMask, pass: Pass) -> Tensor<2> {
        let attended = self.attention.self_.forward(&input, mask, pass);
        let rows = self.attention.output.forward(attended, input, pass);
        let inner = &self.intermediate;
        let between = inner.dense.nonlinear(rows.clone(), inner.nonlinearity);
        self.output.forward(between, rows, pass)
    }
}

impl Output {
    fn forward(&self, input: Tensor<2>, around: Tensor<2>, pass: Pass) -> Tensor<2> {
        let rows = self.dropout.forward(self.dense.rows(input), pass);
        self.LayerNorm.forward(rows + around)
    }
}
