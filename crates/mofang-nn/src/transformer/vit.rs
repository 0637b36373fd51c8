//! Vision transformers: Dosovitskiy et al. 2020, <https://arxiv.org/abs/2010.11929>.
//!
//! The options have the names of `config.json` of transformers' `ViTForImageClassification`, and so have the
//! parameters.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use serde::Deserialize;
use serde_json::json;

use super::encoder::{SelfAttention, check_encoder, dense};
use super::{KeyMask, LayerNorm};
use crate::architecture::{parse_config, recognized};
use crate::body::Body;
use crate::builder::Builder;
use crate::initializer::Initializer;
use crate::kernels::Nonlinearity;
use crate::layers::{Conv2d, Convolution, Dropout, Linear, Pass};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

/// Values of a head in every published size.
const HEAD_FEATURES_USUAL: usize = 64;

/// Vision transformers.
#[derive(Debug)]
pub(crate) struct Vit;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    attention_probs_dropout_prob: f64,
    hidden_dropout_prob: f64,
    hidden_size: usize,
    intermediate_size: usize,
    layer_norm_eps: f64,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    patch_size: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            attention_probs_dropout_prob: 0.0,
            hidden_dropout_prob: 0.0,
            hidden_size: 768,
            intermediate_size: 3072,
            layer_norm_eps: 1e-12,
            num_attention_heads: 12,
            num_hidden_layers: 12,
            patch_size: 16,
        }
    }
}

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "attention_probs_dropout_prob",
        kind: "number in [0, 1)",
        default: "0.0",
        summary: "dropout of what a patch attends to",
    },
    OptionSpec {
        name: "hidden_dropout_prob",
        kind: "number in [0, 1)",
        default: "0.0",
        summary: "dropout behind the embeddings, the attention and the linear layers",
    },
    OptionSpec {
        name: "hidden_size",
        kind: "whole number, a multiple of num_attention_heads",
        default: "768",
        summary: "values of a patch's row",
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
        name: "patch_size",
        kind: "whole number that divides the sides of the images",
        default: "16",
        summary: "rows and columns of a patch",
    },
];

impl Config {
    /// How many patches an image has in each direction.
    fn patches(&self, [_, height, width]: [usize; 3]) -> Result<[usize; 2], NnError> {
        check_encoder(
            Vit.name(),
            self.hidden_size,
            self.num_attention_heads,
            self.num_hidden_layers,
        )?;
        let patch = self.patch_size;
        if patch == 0 || height % patch != 0 || width % patch != 0 {
            return Err(NnError::InvalidOption {
                architecture: Vit.name(),
                reason: format!(
                    "images of {height}×{width} cannot be cut into patches of {patch}×{patch}"
                ),
            });
        }
        Ok([height / patch, width / patch])
    }
}

impl Architecture for Vit {
    fn name(&self) -> &'static str {
        "vit"
    }

    fn summary(&self) -> &'static str {
        "a vision transformer: attention between the patches of an image"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: Config = parse_config(self, &spec.architecture.config)?;
        let image = spec.image_shape()?;
        let [rows, columns] = config.patches(image)?;
        let mut maker = Maker {
            builder: Builder::new(start, device),
            config,
        };
        let body = maker.body(image[0], rows * columns, spec.outputs)?;
        Ok(Network::from_body(spec, Body::Vit(body)))
    }

    /// Square images, and heads of as many values as in every published size.
    fn recognize(&self, weights: &WeightShapes) -> Option<NetworkSpec> {
        let [outputs, _] = weights.dims("classifier.weight")?;
        let [hidden, channels, patch, _] =
            weights.dims("vit.embeddings.patch_embeddings.projection.weight")?;
        let [1, places, _] = weights.dims("vit.embeddings.position_embeddings")? else {
            return None;
        };
        let [inner, _] = weights.dims("vit.encoder.layer.0.intermediate.dense.weight")?;
        let side = places.checked_sub(1)?.isqrt();
        if side * side + 1 != places || hidden % HEAD_FEATURES_USUAL != 0 {
            return None;
        }
        let config = json!({
            "hidden_size": hidden,
            "intermediate_size": inner,
            "num_attention_heads": hidden / HEAD_FEATURES_USUAL,
            "num_hidden_layers": weights.count("vit.encoder.layer", "output.dense.weight"),
            "patch_size": patch,
        });
        let side = side.checked_mul(patch)?;
        Some(recognized(self, config, [channels, side, side], outputs))
    }
}

/// Makes the layers in their order.
struct Maker<'a> {
    config: Config,
    builder: Builder<'a>,
}

impl Maker<'_> {
    fn body(
        &mut self,
        channels: usize,
        patches: usize,
        outputs: usize,
    ) -> Result<VitBody, NnError> {
        let hidden = self.config.hidden_size;
        let patch = self.config.patch_size;
        let geometry = Convolution {
            stride: [patch; 2],
            padding: [0; 2],
            bias: true,
            ..Convolution::same(channels, hidden, patch)
        };
        let normal = Initializer::Normal(0.02);
        let projection = self
            .builder
            .conv2d(geometry, normal, Initializer::Constant(0.0))?;
        let cls_token = self.builder.free([1, 1, hidden], normal)?;
        let position_embeddings = self.builder.free([1, patches + 1, hidden], normal)?;
        let embeddings = Embeddings {
            cls_token,
            position_embeddings,
            patch_embeddings: Patches { projection },
            dropout: self.dropout()?,
        };
        let layer = (0..self.config.num_hidden_layers)
            .map(|_| self.block())
            .collect::<Result<Vec<_>, _>>()?;
        let layernorm = self.norm()?;
        Ok(VitBody {
            vit: Model {
                embeddings,
                encoder: Encoder { layer },
                layernorm,
            },
            classifier: self.linear(hidden, outputs)?,
        })
    }

    fn block(&mut self) -> Result<Block, NnError> {
        let (hidden, inner) = (self.config.hidden_size, self.config.intermediate_size);
        let attention = Attention {
            attention: SelfAttention::new(
                &mut self.builder,
                hidden,
                self.config.num_attention_heads,
                self.config.attention_probs_dropout_prob,
            )?,
            output: Dense {
                dense: self.linear(hidden, hidden)?,
                dropout: self.dropout()?,
            },
        };
        let intermediate = Intermediate {
            dense: self.linear(hidden, inner)?,
        };
        let output = Dense {
            dense: self.linear(inner, hidden)?,
            dropout: self.dropout()?,
        };
        Ok(Block {
            attention,
            intermediate,
            output,
            layernorm_before: self.norm()?,
            layernorm_after: self.norm()?,
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

/// `ViTForImageClassification`
#[derive(Module, Debug)]
pub(crate) struct VitBody {
    vit: Model,
    classifier: Linear,
}

#[derive(Module, Debug)]
struct Model {
    embeddings: Embeddings,
    encoder: Encoder,
    layernorm: LayerNorm,
}

#[derive(Module, Debug)]
struct Embeddings {
    /// `[1, 1, hidden]`
    cls_token: Param<Tensor<3>>,
    /// `[1, 1 + patches, hidden]`
    position_embeddings: Param<Tensor<3>>,
    patch_embeddings: Patches,
    dropout: Dropout,
}

#[derive(Module, Debug)]
struct Patches {
    projection: Conv2d,
}

#[derive(Module, Debug)]
struct Encoder {
    layer: Vec<Block>,
}

#[derive(Module, Debug)]
struct Block {
    attention: Attention,
    intermediate: Intermediate,
    output: Dense,
    layernorm_before: LayerNorm,
    layernorm_after: LayerNorm,
}

#[derive(Module, Debug)]
struct Attention {
    attention: SelfAttention,
    output: Dense,
}

#[derive(Module, Debug)]
struct Intermediate {
    dense: Linear,
}

#[derive(Module, Debug)]
struct Dense {
    dense: Linear,
    dropout: Dropout,
}

impl VitBody {
    /// `[batch, outputs]` for images `[batch, channels, height, width]`.
    pub(crate) fn forward(&self, images: Tensor<4>, pass: Pass) -> Tensor<2> {
        let steps = self.vit.embeddings.forward(images, pass);
        let [batch, length, hidden] = steps.dims();
        let mask = KeyMask {
            batch,
            length,
            valid: None,
        };
        let mut rows = steps.reshape([batch * length, hidden]);
        for block in &self.vit.encoder.layer {
            rows = block.forward(rows, &mask, pass);
        }
        // Of the last normalization the first row alone is asked for.
        let first: Tensor<2> = rows
            .reshape([batch, length, hidden])
            .narrow(1, 0, 1)
            .squeeze_dim(1);
        self.classifier.rows(self.vit.layernorm.forward(first))
    }
}

impl Embeddings {
    fn forward(&self, images: Tensor<4>, pass: Pass) -> Tensor<3> {
        let maps = self.patch_embeddings.projection.forward(images);
        let [batch, hidden, rows, columns] = maps.dims();
        let patches = maps
            .reshape([batch, hidden, rows * columns])
            .swap_dims(1, 2);
        let first = self.cls_token.val().expand([batch, 1, hidden]);
        let steps = Tensor::cat(vec![first, patches], 1) + self.position_embeddings.val();
        self.dropout.forward(steps, pass)
    }
}

impl Block {
    fn forward(&self, input: Tensor<2>, mask: &KeyMask, pass: Pass) -> Tensor<2> {
        let normal = self.layernorm_before.forward(input.clone());
        let attended = self.attention.attention.forward(&normal, mask, pass);
        let rows = self.attention.output.forward(attended, pass) + input;
        let normal = self.layernorm_after.forward(rows.clone());
        let between = self
            .intermediate
            .dense
            .nonlinear(normal, Nonlinearity::Gelu);
        self.output.forward(between, pass) + rows
    }
}

impl Dense {
    fn forward(&self, input: Tensor<2>, pass: Pass) -> Tensor<2> {
        self.dropout.forward(self.dense.rows(input), pass)
    }
}
