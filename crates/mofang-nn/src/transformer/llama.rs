//! Decoders of Llama's kind: Touvron et al. 2023, <https://arxiv.org/abs/2302.13971>, with heads of keys shared by
//! several of queries, Ainslie et al. 2023, <https://arxiv.org/abs/2305.13245>.
//!
//! The options have the names of `config.json` of transformers' `LlamaForCausalLM`, and so have the parameters.
#![expect(
    clippy::struct_field_names,
    reason = "projections are called so in the weights"
)]

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use serde::Deserialize;

use super::Memory;
use super::decoder::{Decoder, HeadCounts, attend_causally, check_language_model};
use crate::architecture::parse_config;
use crate::body::Body;
use crate::builder::Builder;
use crate::initializer::Initializer;
use crate::kernels::{Angles, linear, rms_norm, rotate, swiglu};
use crate::layers::{Embedding, Linear, Pass};
use crate::sequence::vocabulary;
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, Tokens, WeightShapes};

/// Most layers.
const LAYERS_MAX: usize = 256;

/// Decoders of Llama's kind.
#[derive(Debug)]
pub(crate) struct Llama;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    hidden_size: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    num_key_value_heads: Option<usize>,
    rms_norm_eps: f64,
    rope_theta: f64,
    tie_word_embeddings: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hidden_size: 256,
            intermediate_size: 688,
            max_position_embeddings: 512,
            num_attention_heads: 8,
            num_hidden_layers: 6,
            num_key_value_heads: None,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            tie_word_embeddings: true,
        }
    }
}

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "hidden_size",
        kind: "whole number, a multiple of twice num_attention_heads",
        default: "256",
        summary: "values of a token's row",
    },
    OptionSpec {
        name: "intermediate_size",
        kind: "whole number from 1",
        default: "688",
        summary: "values of the gated unit of a block",
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
        default: "8",
        summary: "heads of queries of each attention",
    },
    OptionSpec {
        name: "num_hidden_layers",
        kind: "whole number from 1 to 256",
        default: "6",
        summary: "blocks one over the other",
    },
    OptionSpec {
        name: "num_key_value_heads",
        kind: "whole number that divides num_attention_heads, or absent",
        default: "null",
        summary: "heads of keys and values; as many as of queries where absent",
    },
    OptionSpec {
        name: "rms_norm_eps",
        kind: "number in (0, 1)",
        default: "1e-6",
        summary: "what normalization adds to the mean square",
    },
    OptionSpec {
        name: "rope_theta",
        kind: "number above 1",
        default: "10000.0",
        summary: "the base of the angles by which positions turn queries and keys",
    },
    OptionSpec {
        name: "tie_word_embeddings",
        kind: "true or false",
        default: "true",
        summary: "whether the outputs are made with the tokens' embeddings, or have weights of their own",
    },
];

impl Config {
    fn heads(&self) -> HeadCounts {
        HeadCounts {
            queries: self.num_attention_heads,
            keys: self.num_key_value_heads.unwrap_or(self.num_attention_heads),
            features: self.hidden_size / self.num_attention_heads.max(1),
        }
    }

    fn check(&self, spec: &NetworkSpec, vocabulary_size: usize) -> Result<(), NnError> {
        let invalid = |reason: String| {
            Err(NnError::InvalidOption {
                architecture: Llama.name(),
                reason,
            })
        };
        let heads = self.heads();
        let hidden = self.hidden_size;
        if heads.queries == 0 || heads.features == 0 || !hidden.is_multiple_of(2 * heads.queries) {
            return invalid(format!(
                "a hidden_size of {hidden} is no multiple of twice {} attention heads",
                heads.queries
            ));
        }
        if heads.keys == 0 || !heads.queries.is_multiple_of(heads.keys) {
            return invalid(format!(
                "{} attention heads are no multiple of {} of keys and values",
                heads.queries, heads.keys
            ));
        }
        if self.num_hidden_layers == 0 || self.num_hidden_layers > LAYERS_MAX {
            let layers = self.num_hidden_layers;
            return invalid(format!("{layers} layers are not from 1 to {LAYERS_MAX}"));
        }
        // Written so that NaN is refused too.
        if !(self.rope_theta > 1.0 && self.rope_theta.is_finite()) {
            return invalid(format!(
                "a rope_theta of {} is not above 1",
                self.rope_theta
            ));
        }
        check_language_model(
            Llama.name(),
            spec,
            vocabulary_size,
            self.max_position_embeddings,
        )
    }
}

impl Architecture for Llama {
    fn name(&self) -> &'static str {
        "llama"
    }

    fn summary(&self) -> &'static str {
        "Llama: a Transformer decoder that goes on with texts"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: Config = parse_config(self, &spec.architecture.config)?;
        let [vocabulary_size, padding_id] = vocabulary(spec)?;
        config.check(spec, vocabulary_size)?;
        let mut builder = Builder::new(start, device);
        let normal = Initializer::Normal(0.02);
        let (hidden, heads) = (config.hidden_size, config.heads());
        let embed_tokens = builder.embedding(vocabulary_size, hidden, normal, Some(padding_id))?;
        let mut layers = Vec::with_capacity(config.num_hidden_layers);
        for _ in 0..config.num_hidden_layers {
            let of_keys = heads.keys * heads.features;
            let inner = config.intermediate_size;
            let mut linear = |features_in, features_out| {
                builder.linear_of(features_in, features_out, normal, None)
            };
            let self_attn = Attention {
                q_proj: linear(hidden, hidden)?,
                k_proj: linear(hidden, of_keys)?,
                v_proj: linear(hidden, of_keys)?,
                o_proj: linear(hidden, hidden)?,
            };
            let mlp = Mlp {
                gate_proj: linear(hidden, inner)?,
                up_proj: linear(hidden, inner)?,
                down_proj: linear(inner, hidden)?,
            };
            layers.push(Block {
                self_attn,
                mlp,
                input_layernorm: builder.rms_norm(hidden, config.rms_norm_eps)?,
                post_attention_layernorm: builder.rms_norm(hidden, config.rms_norm_eps)?,
            });
        }
        let norm = builder.rms_norm(hidden, config.rms_norm_eps)?;
        let lm_head = if config.tie_word_embeddings {
            None
        } else {
            Some(builder.linear_of(hidden, vocabulary_size, normal, None)?)
        };
        let body = LlamaBody {
            model: Model {
                embed_tokens,
                layers,
                norm,
            },
            lm_head,
            shape: Shape {
                heads,
                positions: config.max_position_embeddings,
                base: config.rope_theta,
            },
        };
        Ok(Network::from_body(spec, Body::Llama(body)))
    }

    /// Names and shapes do not tell how many heads there are, which `config.json` does.
    fn recognize(&self, _: &WeightShapes) -> Option<NetworkSpec> {
        None
    }
}

/// What the weights do not show.
#[derive(Debug, Clone, Copy)]
struct Shape {
    heads: HeadCounts,
    positions: usize,
    base: f64,
}

/// `LlamaForCausalLM`
#[derive(Module, Debug)]
pub(crate) struct LlamaBody {
    model: Model,
    /// None where the embeddings make the outputs.
    lm_head: Option<Linear>,
    #[module(skip)]
    shape: Shape,
}

#[derive(Module, Debug)]
struct Model {
    embed_tokens: Embedding,
    layers: Vec<Block>,
    norm: RmsNorm,
}

#[derive(Module, Debug)]
struct Block {
    self_attn: Attention,
    mlp: Mlp,
    input_layernorm: RmsNorm,
    post_attention_layernorm: RmsNorm,
}

#[derive(Module, Debug)]
struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
}

#[derive(Module, Debug)]
struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

/// Normalization by the root of the mean square.
#[derive(Module, Debug)]
pub(crate) struct RmsNorm {
    /// `[features]`
    pub(crate) weight: Param<Tensor<1>>,
    /// Added to the mean square.
    pub(crate) epsilon: f64,
}

impl RmsNorm {
    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        rms_norm(input, self.weight.val(), self.epsilon)
    }
}

impl Decoder for LlamaBody {
    fn rows(&self, tokens: &Tokens, _: Pass, mut memory: Option<&mut Memory>) -> Tensor<2> {
        let [batch, length] = [tokens.batch(), tokens.length()];
        let heads = self.shape.heads;
        let first = memory.as_ref().map_or(0, |memory| memory.length());
        let angles = Angles::new(first, length, heads.features, self.shape.base);
        let mut rows = self.model.embed_tokens.rows(tokens.ids());
        for (layer, block) in self.model.layers.iter().enumerate() {
            let input = block.input_layernorm.forward(rows.clone());
            let attention = &block.self_attn;
            let query = rotate(attention.q_proj.rows(input.clone()), &angles);
            let key = rotate(attention.k_proj.rows(input.clone()), &angles);
            let value = attention.v_proj.rows(input);
            let memory = memory.as_deref_mut().map(|memory| (memory, layer));
            let attended = attend_causally([query, key, value], [batch, length], heads, memory);
            rows = rows + attention.o_proj.rows(attended);
            let input = block.post_attention_layernorm.forward(rows.clone());
            let gate = block.mlp.gate_proj.rows(input.clone());
            let gated = swiglu(gate, block.mlp.up_proj.rows(input));
            rows = rows + block.mlp.down_proj.rows(gated);
        }
        self.model.norm.forward(rows)
    }

    fn logits(&self, rows: Tensor<2>) -> Tensor<2> {
        match &self.lm_head {
            Some(head) => head.rows(rows),
            None => linear(rows, self.model.embed_tokens.weight.val(), None),
        }
    }

    fn positions(&self) -> usize {
        self.shape.positions
    }
}
