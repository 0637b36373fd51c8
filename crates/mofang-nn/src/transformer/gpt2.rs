//! Decoders of GPT-2's kind: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".
//!
//! The options have the names of `config.json` of transformers' `GPT2LMHeadModel`, and so have the parameters.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use serde::Deserialize;

use super::decoder::{Decoder, HeadCounts, attend_causally, check_language_model, positions};
use super::{LayerNorm, Memory};
use crate::architecture::parse_config;
use crate::body::Body;
use crate::builder::Builder;
use crate::initializer::Initializer;
use crate::kernels::{Nonlinearity, linear, linear_nonlinear};
use crate::layers::{Dropout, Embedding, Pass};
use crate::sequence::vocabulary;
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, Tokens, WeightShapes};

/// Most layers.
const LAYERS_MAX: usize = 256;

/// Decoders of GPT-2's kind.
#[derive(Debug)]
pub(crate) struct Gpt2;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    embd_pdrop: f64,
    layer_norm_epsilon: f64,
    n_embd: usize,
    n_head: usize,
    n_inner: Option<usize>,
    n_layer: usize,
    n_positions: usize,
    resid_pdrop: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            embd_pdrop: 0.1,
            layer_norm_epsilon: 1e-5,
            n_embd: 768,
            n_head: 12,
            n_inner: None,
            n_layer: 12,
            n_positions: 1024,
            resid_pdrop: 0.1,
        }
    }
}

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "embd_pdrop",
        kind: "number in [0, 1)",
        default: "0.1",
        summary: "dropout behind the embeddings",
    },
    OptionSpec {
        name: "layer_norm_epsilon",
        kind: "number in (0, 1)",
        default: "1e-5",
        summary: "what layer normalization adds to the variance",
    },
    OptionSpec {
        name: "n_embd",
        kind: "whole number, a multiple of n_head",
        default: "768",
        summary: "values of a token's row",
    },
    OptionSpec {
        name: "n_head",
        kind: "whole number from 1",
        default: "12",
        summary: "heads of each attention",
    },
    OptionSpec {
        name: "n_inner",
        kind: "whole number from 1, or absent",
        default: "null",
        summary: "values between the two linear layers of a block; four times n_embd where absent",
    },
    OptionSpec {
        name: "n_layer",
        kind: "whole number from 1 to 256",
        default: "12",
        summary: "blocks one over the other",
    },
    OptionSpec {
        name: "n_positions",
        kind: "whole number from 1",
        default: "1024",
        summary: "the most tokens of a text",
    },
    OptionSpec {
        name: "resid_pdrop",
        kind: "number in [0, 1)",
        default: "0.1",
        summary: "dropout of what a block adds; that of what a token attends to is none here",
    },
];

impl Config {
    fn check(&self, spec: &NetworkSpec, vocabulary_size: usize) -> Result<(), NnError> {
        let invalid = |reason: String| {
            Err(NnError::InvalidOption {
                architecture: Gpt2.name(),
                reason,
            })
        };
        if self.n_head == 0 || self.n_embd == 0 || !self.n_embd.is_multiple_of(self.n_head) {
            return invalid(format!(
                "an n_embd of {} is no multiple of {} heads",
                self.n_embd, self.n_head
            ));
        }
        if self.n_layer == 0 || self.n_layer > LAYERS_MAX {
            let layers = self.n_layer;
            return invalid(format!("{layers} layers are not from 1 to {LAYERS_MAX}"));
        }
        check_language_model(Gpt2.name(), spec, vocabulary_size, self.n_positions)
    }
}

impl Architecture for Gpt2 {
    fn name(&self) -> &'static str {
        "gpt2"
    }

    fn summary(&self) -> &'static str {
        "GPT-2: a Transformer decoder that goes on with texts"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: Config = parse_config(self, &spec.architecture.config)?;
        let [vocabulary_size, _] = vocabulary(spec)?;
        config.check(spec, vocabulary_size)?;
        let mut maker = Maker {
            builder: Builder::new(start, device),
            config,
        };
        let transformer = maker.transformer(vocabulary_size)?;
        let body = Gpt2Body {
            transformer,
            heads: maker.config.n_head,
        };
        Ok(Network::from_body(spec, Body::Gpt2(body)))
    }

    /// Names and shapes do not tell how many heads there are, which `config.json` does.
    fn recognize(&self, _: &WeightShapes) -> Option<NetworkSpec> {
        None
    }
}

/// Makes the layers in their order.
struct Maker<'a> {
    config: Config,
    builder: Builder<'a>,
}

impl Maker<'_> {
    fn transformer(&mut self, vocabulary_size: usize) -> Result<Transformer, NnError> {
        let (width, epsilon) = (self.config.n_embd, self.config.layer_norm_epsilon);
        let normal = Initializer::Normal(0.02);
        // No row stands for padding: texts see what is before them only.
        let wte = self
            .builder
            .embedding(vocabulary_size, width, normal, None)?;
        let positions = self.config.n_positions;
        let wpe = self.builder.embedding(positions, width, normal, None)?;
        let drop = self.builder.dropout_of(self.config.embd_pdrop)?;
        let h = (0..self.config.n_layer)
            .map(|_| self.block())
            .collect::<Result<Vec<_>, _>>()?;
        let ln_f = self.builder.layer_norm(width, epsilon)?;
        Ok(Transformer {
            wte,
            wpe,
            drop,
            h,
            ln_f,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "layers are few")]
    fn block(&mut self) -> Result<Block, NnError> {
        let (width, epsilon) = (self.config.n_embd, self.config.layer_norm_epsilon);
        let inner = self.config.n_inner.unwrap_or(width.saturating_mul(4));
        let normal = Initializer::Normal(0.02);
        // What is added to the rows begins smaller the more layers add to them, as of the paper.
        let scaled = Initializer::Normal(0.02 / (2.0 * self.config.n_layer as f64).sqrt());
        let ln_1 = self.builder.layer_norm(width, epsilon)?;
        let attn = Attention {
            c_attn: self
                .builder
                .projection(width, width.saturating_mul(3), normal)?,
            c_proj: self.builder.projection(width, width, scaled)?,
            resid_dropout: self.builder.dropout_of(self.config.resid_pdrop)?,
        };
        let ln_2 = self.builder.layer_norm(width, epsilon)?;
        let mlp = Mlp {
            c_fc: self.builder.projection(width, inner, normal)?,
            c_proj: self.builder.projection(inner, width, scaled)?,
            dropout: self.builder.dropout_of(self.config.resid_pdrop)?,
        };
        Ok(Block {
            ln_1,
            attn,
            ln_2,
            mlp,
        })
    }
}

/// `GPT2LMHeadModel`, whose embeddings make the outputs.
#[derive(Module, Debug)]
pub(crate) struct Gpt2Body {
    transformer: Transformer,
    #[module(skip)]
    heads: usize,
}

#[derive(Module, Debug)]
struct Transformer {
    wte: Embedding,
    wpe: Embedding,
    drop: Dropout,
    h: Vec<Block>,
    ln_f: LayerNorm,
}

#[derive(Module, Debug)]
struct Block {
    ln_1: LayerNorm,
    attn: Attention,
    ln_2: LayerNorm,
    mlp: Mlp,
}

#[derive(Module, Debug)]
struct Attention {
    c_attn: Projection,
    c_proj: Projection,
    resid_dropout: Dropout,
}

#[derive(Module, Debug)]
struct Mlp {
    c_fc: Projection,
    c_proj: Projection,
    dropout: Dropout,
}

/// `transformers.Conv1D`: a linear layer whose weights are the other way round.
#[derive(Module, Debug)]
pub(crate) struct Projection {
    /// `[features_in, features_out]`
    pub(crate) weight: Param<Tensor<2>>,
    /// `[features_out]`
    pub(crate) bias: Param<Tensor<1>>,
}

impl Projection {
    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let weight = self.weight.val().transpose();
        linear(input, weight, Some(self.bias.val()))
    }

    fn nonlinear(&self, input: Tensor<2>, nonlinearity: Nonlinearity) -> Tensor<2> {
        let weight = self.weight.val().transpose();
        linear_nonlinear(input, weight, Some(self.bias.val()), nonlinearity)
    }
}

impl Decoder for Gpt2Body {
    fn rows(&self, tokens: &Tokens, pass: Pass, mut memory: Option<&mut Memory>) -> Tensor<2> {
        let [batch, length] = [tokens.batch(), tokens.length()];
        let first = memory.as_ref().map_or(0, |memory| memory.length());
        let places: Arc<[i64]> = positions(first, batch, length);
        let body = &self.transformer;
        let rows = body.wte.rows(tokens.ids()) + body.wpe.rows(&places);
        let mut rows = body.drop.forward(rows, pass);
        let [_, width] = rows.dims();
        let heads = HeadCounts {
            queries: self.heads,
            keys: self.heads,
            features: width / self.heads.max(1),
        };
        for (layer, block) in body.h.iter().enumerate() {
            let all = block.attn.c_attn.forward(block.ln_1.forward(rows.clone()));
            let [query, key, value] =
                [0, 1, 2].map(|part| all.clone().narrow(1, part * width, width));
            let memory = memory.as_deref_mut().map(|memory| (memory, layer));
            let attended = attend_causally([query, key, value], [batch, length], heads, memory);
            let attended = block.attn.c_proj.forward(attended);
            rows = rows + block.attn.resid_dropout.forward(attended, pass);
            let input = block.ln_2.forward(rows.clone());
            let inner = block.mlp.c_fc.nonlinear(input, Nonlinearity::GeluTanh);
            let inner = block.mlp.c_proj.forward(inner);
            rows = rows + block.mlp.dropout.forward(inner, pass);
        }
        body.ln_f.forward(rows)
    }

    fn logits(&self, rows: Tensor<2>) -> Tensor<2> {
        linear(rows, self.transformer.wte.weight.val(), None)
    }

    fn positions(&self) -> usize {
        self.transformer.wpe.weight.dims()[0]
    }
}
