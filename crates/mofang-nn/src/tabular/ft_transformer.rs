//! The FT-Transformer: Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular Data", section 3.3,
//! <https://arxiv.org/abs/2106.11959>.
//!
//! The options have the names of the paper's configurations, and the parameters those of `FTTransformer` in its
//! authors' package `rtdl_revisiting_models`.
#![expect(
    non_snake_case,
    reason = "`W_q` is the name of a module in the weights"
)]

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use mofang_types::ModelInput;
use serde::Deserialize;

use super::categories::{Table, codes_of};
use crate::architecture::parse_config;
use crate::body::Body;
use crate::builder::Builder;
use crate::initializer::Initializer;
use crate::kernels::{Nonlinearity, gated};
use crate::layers::{Dropout, Linear, Pass};
use crate::transformer::{KeyMask, LayerNorm, attend};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

/// Most blocks.
const BLOCKS_MAX: usize = 256;

/// Most values of a token, and between the linear layers of a block.
const WIDTH_MAX: usize = 1 << 14;

/// PyTorch's.
const EPSILON: f64 = 1e-5;

/// The FT-Transformer.
#[derive(Debug)]
pub(crate) struct FtTransformer;

/// What opens the gates between the two linear layers of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FfnActivation {
    /// GELU.
    Geglu,
    /// A rectifier.
    Reglu,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    attention_dropout: f64,
    attention_n_heads: usize,
    d_token: usize,
    ffn_activation: FfnActivation,
    ffn_d_hidden: Option<usize>,
    ffn_dropout: f64,
    n_blocks: usize,
    residual_dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            attention_dropout: 0.2,
            attention_n_heads: 8,
            d_token: 192,
            ffn_activation: FfnActivation::Reglu,
            ffn_d_hidden: None,
            ffn_dropout: 0.1,
            n_blocks: 3,
            residual_dropout: 0.0,
        }
    }
}

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "attention_dropout",
        kind: "number in [0, 1)",
        default: "0.2",
        summary: "dropout of what a column attends to; 0 trains faster",
    },
    OptionSpec {
        name: "attention_n_heads",
        kind: "whole number from 1",
        default: "8",
        summary: "heads of each attention",
    },
    OptionSpec {
        name: "d_token",
        kind: "whole number to 16384, a multiple of attention_n_heads",
        default: "192",
        summary: "values of a column's token",
    },
    OptionSpec {
        name: "ffn_activation",
        kind: "geglu or reglu",
        default: "\"reglu\"",
        summary: "what opens the gates between the two linear layers of a block",
    },
    OptionSpec {
        name: "ffn_d_hidden",
        kind: "whole number from 1 to 16384",
        default: "4/3 of d_token",
        summary: "values between the two linear layers of a block, behind the gates",
    },
    OptionSpec {
        name: "ffn_dropout",
        kind: "number in [0, 1)",
        default: "0.1",
        summary: "dropout between the two linear layers of a block",
    },
    OptionSpec {
        name: "n_blocks",
        kind: "whole number from 1 to 256",
        default: "3",
        summary: "blocks one over the other",
    },
    OptionSpec {
        name: "residual_dropout",
        kind: "number in [0, 1)",
        default: "0.0",
        summary: "dropout of what a block adds to its input",
    },
];

impl Config {
    fn check(&self) -> Result<(), NnError> {
        let invalid = |reason: String| {
            Err(NnError::InvalidOption {
                architecture: FtTransformer.name(),
                reason,
            })
        };
        let (width, heads) = (self.d_token, self.attention_n_heads);
        for (name, size) in [("d_token", width), ("ffn_d_hidden", self.hidden())] {
            if !(1..=WIDTH_MAX).contains(&size) {
                return invalid(format!("{name} = {size} is not from 1 to {WIDTH_MAX}"));
            }
        }
        if heads == 0 || !width.is_multiple_of(heads) {
            return invalid(format!(
                "a d_token of {width} is no multiple of {heads} attention heads"
            ));
        }
        if self.n_blocks == 0 || self.n_blocks > BLOCKS_MAX {
            return invalid(format!(
                "{} blocks are not from 1 to {BLOCKS_MAX}",
                self.n_blocks
            ));
        }
        Ok(())
    }

    fn hidden(&self) -> usize {
        let usual = || self.d_token.saturating_mul(4) / 3;
        self.ffn_d_hidden.unwrap_or_else(usual)
    }

    fn nonlinearity(&self) -> Nonlinearity {
        match self.ffn_activation {
            FfnActivation::Geglu => Nonlinearity::Gelu,
            FfnActivation::Reglu => Nonlinearity::Relu,
        }
    }
}

impl Architecture for FtTransformer {
    fn name(&self) -> &'static str {
        "ft_transformer"
    }

    fn summary(&self) -> &'static str {
        "the FT-Transformer: attention between the columns of a row of a table"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError> {
        let config: Config = parse_config(self, &spec.architecture.config)?;
        let ModelInput::Row {
            numbers,
            categories,
        } = &spec.input
        else {
            return Err(spec.takes_other("rows of a table"));
        };
        config.check()?;
        let mut maker = Maker {
            builder: Builder::new(start, device),
            config,
        };
        let body = maker.body(*numbers, categories, spec.outputs)?;
        Ok(Network::from_body(spec, Body::FtTransformer(body)))
    }

    /// Names and shapes do not tell how many heads there are.
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
    fn body(
        &mut self,
        numbers: usize,
        categories: &[usize],
        outputs: usize,
    ) -> Result<FtTransformerBody, NnError> {
        let width = self.config.d_token;
        let cls_embedding = ClsEmbedding {
            weight: self.drawn([width])?,
        };
        let cont_embeddings = if numbers == 0 {
            None
        } else {
            Some(NumberEmbeddings {
                weight: self.drawn([numbers, width])?,
                bias: self.drawn([numbers, width])?,
            })
        };
        let cat_embeddings = if categories.is_empty() {
            None
        } else {
            let tables = categories.iter();
            let tables = tables.map(|codes| Table::new(&mut self.builder, *codes, width));
            Some(CategoryEmbeddings {
                embeddings: tables.collect::<Result<Vec<_>, _>>()?,
                bias: self.drawn([categories.len(), width])?,
            })
        };
        let blocks = (0..self.config.n_blocks)
            .map(|index| self.block(index))
            .collect::<Result<Vec<_>, _>>()?;
        let backbone = Backbone {
            blocks,
            output: Output {
                normalization: self.norm()?,
                linear: self.linear(width, outputs)?,
            },
        };
        Ok(FtTransformerBody {
            cls_embedding,
            cont_embeddings,
            cat_embeddings,
            backbone,
        })
    }

    /// The very first normalization is left out, which the paper found to be crucial.
    fn block(&mut self, index: usize) -> Result<Block, NnError> {
        let (width, hidden) = (self.config.d_token, self.config.hidden());
        let attention_normalization = if index == 0 { None } else { Some(self.norm()?) };
        let heads = self.config.attention_n_heads;
        let attention = Attention {
            W_q: self.projection()?,
            W_k: self.projection()?,
            W_v: self.projection()?,
            W_out: if heads > 1 {
                Some(self.projection()?)
            } else {
                None
            },
            dropout: self.builder.dropout_of(self.config.attention_dropout)?,
            heads,
        };
        Ok(Block {
            attention_normalization,
            attention,
            attention_residual_dropout: self.residual_dropout()?,
            ffn_normalization: self.norm()?,
            ffn: FeedForward {
                linear1: self.linear(width, 2 * hidden)?,
                dropout: self.builder.dropout_of(self.config.ffn_dropout)?,
                linear2: self.linear(hidden, width)?,
                nonlinearity: self.config.nonlinearity(),
            },
            ffn_residual_dropout: self.residual_dropout()?,
        })
    }

    /// Between ±1/√`d_token`, as every embedding of the paper begins.
    fn drawn<const D: usize>(&mut self, shape: [usize; D]) -> Result<Param<Tensor<D>>, NnError> {
        let width = self.config.d_token;
        self.builder
            .parameter(shape, Initializer::TorchDefault, width, 1)
    }

    fn linear(&mut self, features_in: usize, features_out: usize) -> Result<Linear, NnError> {
        let default = Initializer::TorchDefault;
        self.builder
            .linear_of(features_in, features_out, default, Some(default))
    }

    /// A linear layer of an attention, whose bias begins as zeros.
    fn projection(&mut self) -> Result<Linear, NnError> {
        let width = self.config.d_token;
        let zeros = Some(Initializer::Constant(0.0));
        self.builder
            .linear_of(width, width, Initializer::TorchDefault, zeros)
    }

    fn norm(&mut self) -> Result<LayerNorm, NnError> {
        self.builder.layer_norm(self.config.d_token, EPSILON)
    }

    fn residual_dropout(&mut self) -> Result<Dropout, NnError> {
        self.builder.dropout_of(self.config.residual_dropout)
    }
}

/// `FTTransformer`
#[derive(Module, Debug)]
pub(crate) struct FtTransformerBody {
    cls_embedding: ClsEmbedding,
    cont_embeddings: Option<NumberEmbeddings>,
    cat_embeddings: Option<CategoryEmbeddings>,
    backbone: Backbone,
}

/// The token whose row the answer is read from.
#[derive(Module, Debug)]
struct ClsEmbedding {
    /// `[d_token]`
    weight: Param<Tensor<1>>,
}

/// A token for each number: the number times one vector, and another.
#[derive(Module, Debug)]
struct NumberEmbeddings {
    /// `[numbers, d_token]`
    weight: Param<Tensor<2>>,
    /// `[numbers, d_token]`
    bias: Param<Tensor<2>>,
}

/// A token for each category: the vector of its code, and one that is the category's.
#[derive(Module, Debug)]
struct CategoryEmbeddings {
    embeddings: Vec<Table>,
    /// `[categories, d_token]`
    bias: Param<Tensor<2>>,
}

#[derive(Module, Debug)]
struct Backbone {
    blocks: Vec<Block>,
    output: Output,
}

#[derive(Module, Debug)]
struct Block {
    attention_normalization: Option<LayerNorm>,
    attention: Attention,
    attention_residual_dropout: Dropout,
    ffn_normalization: LayerNorm,
    ffn: FeedForward,
    ffn_residual_dropout: Dropout,
}

#[derive(Module, Debug)]
struct Attention {
    W_q: Linear,
    W_k: Linear,
    W_v: Linear,
    /// None for one head.
    W_out: Option<Linear>,
    dropout: Dropout,
    #[module(skip)]
    heads: usize,
}

#[derive(Module, Debug)]
struct FeedForward {
    linear1: Linear,
    dropout: Dropout,
    linear2: Linear,
    #[module(skip)]
    nonlinearity: Nonlinearity,
}

#[derive(Module, Debug)]
struct Output {
    normalization: LayerNorm,
    linear: Linear,
}

impl FtTransformerBody {
    /// Rows `[batch, numbers + categories]` to outputs.
    pub(crate) fn forward(&self, rows: Tensor<2>, pass: Pass) -> Tensor<2> {
        let [batch, _] = rows.dims();
        let mut tokens = vec![self.cls_embedding.forward(batch)];
        let mut count = 0;
        if let Some(numbers) = &self.cont_embeddings {
            [count, _] = numbers.weight.dims();
            tokens.push(numbers.forward(rows.clone().slice([0..batch, 0..count])));
        }
        if let Some(categories) = &self.cat_embeddings {
            tokens.push(categories.forward(&rows, count));
        }
        self.backbone.forward(Tensor::cat(tokens, 1), pass)
    }
}

impl ClsEmbedding {
    /// `[batch, 1, d_token]`
    fn forward(&self, batch: usize) -> Tensor<3> {
        let [width] = self.weight.dims();
        let token = self.weight.val().reshape([1, 1, width]);
        token.expand([batch, 1, width])
    }
}

impl NumberEmbeddings {
    /// `[batch, numbers]` to `[batch, numbers, d_token]`.
    fn forward(&self, numbers: Tensor<2>) -> Tensor<3> {
        let tokens = numbers.unsqueeze_dim::<3>(2) * self.weight.val().unsqueeze::<3>();
        tokens + self.bias.val().unsqueeze::<3>()
    }
}

impl CategoryEmbeddings {
    /// `[batch, categories, d_token]` for rows whose categories begin at a column.
    fn forward(&self, rows: &Tensor<2>, first: usize) -> Tensor<3> {
        let tables = self.embeddings.iter().zip(first..);
        let tokens: Vec<Tensor<3>> = tables
            .map(|(table, column)| table.forward(codes_of(rows, column)).unsqueeze_dim(1))
            .collect();
        Tensor::cat(tokens, 1) + self.bias.val().unsqueeze::<3>()
    }
}

impl Backbone {
    /// `[batch, tokens, d_token]` to outputs.
    fn forward(&self, tokens: Tensor<3>, pass: Pass) -> Tensor<2> {
        let [batch, length, width] = tokens.dims();
        let mask = KeyMask {
            batch,
            length,
            valid: None,
        };
        let mut rows = tokens.reshape([batch * length, width]);
        for (index, block) in self.blocks.iter().enumerate() {
            let is_last = index + 1 == self.blocks.len();
            rows = block.forward(rows, &mask, is_last, pass);
        }
        let normal = relu(self.output.normalization.forward(rows));
        self.output.linear.rows(normal)
    }
}

impl Block {
    /// `[batch · tokens, d_token]` of the same shape; of the last block the first tokens alone, `[batch, d_token]`.
    fn forward(&self, input: Tensor<2>, mask: &KeyMask, is_last: bool, pass: Pass) -> Tensor<2> {
        let normal = match &self.attention_normalization {
            Some(normalization) => normalization.forward(input.clone()),
            None => input.clone(),
        };
        let (asked, input) = if is_last {
            (
                first_tokens(normal.clone(), mask),
                first_tokens(input, mask),
            )
        } else {
            (normal.clone(), input)
        };
        let attended = self.attention.forward(asked, normal, mask, pass);
        let rows = self.attention_residual_dropout.forward(attended, pass) + input;
        let between = self.ffn_normalization.forward(rows.clone());
        let between = self.ffn.forward(between, pass);
        self.ffn_residual_dropout.forward(between, pass) + rows
    }
}

impl Attention {
    /// What the tokens that are `asked` take from all.
    fn forward(
        &self,
        asked: Tensor<2>,
        tokens: Tensor<2>,
        mask: &KeyMask,
        pass: Pass,
    ) -> Tensor<2> {
        let rows = [
            self.W_q.rows(asked),
            self.W_k.rows(tokens.clone()),
            self.W_v.rows(tokens),
        ];
        let attended = attend(rows, mask, self.heads, &self.dropout, pass);
        match &self.W_out {
            Some(linear) => linear.rows(attended),
            None => attended,
        }
    }
}

impl FeedForward {
    fn forward(&self, input: Tensor<2>, pass: Pass) -> Tensor<2> {
        let between = gated(self.linear1.rows(input), self.nonlinearity);
        self.linear2.rows(self.dropout.forward(between, pass))
    }
}

/// The first token of each row of the table.
fn first_tokens(rows: Tensor<2>, mask: &KeyMask) -> Tensor<2> {
    let [_, width] = rows.dims();
    rows.reshape([mask.batch, mask.length, width])
        .narrow(1, 0, 1)
        .squeeze_dim(1)
}
