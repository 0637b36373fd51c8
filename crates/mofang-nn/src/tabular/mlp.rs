//! A multi-layer perceptron on rows of a table.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use mofang_types::ModelInput;
use serde::Deserialize;

use super::categories::{Table, codes_of, usual_dimension};
use super::numbers::{NumberFeatures, Numbers};
use crate::architecture::parse_config;
use crate::body::Body;
use crate::builder::{Builder, function};
use crate::initializer::Initializer;
use crate::layers::{Operation, Pass, Sequence};
use crate::{Architecture, Network, NetworkSpec, NnError, OptionSpec, Start, WeightShapes};

/// A multi-layer perceptron on rows of a table.
#[derive(Debug)]
pub(crate) struct Mlp;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    hidden: Vec<usize>,
    dropout: f64,
    batch_norm: bool,
    numbers: NumberFeatures,
    category_dimension: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hidden: vec![128, 64],
            dropout: 0.1,
            batch_norm: false,
            numbers: NumberFeatures::AsItIs {},
            category_dimension: None,
        }
    }
}

const HIDDEN_MAX: usize = 64;

impl Architecture for Mlp {
    fn name(&self) -> &'static str {
        "mlp"
    }

    fn summary(&self) -> &'static str {
        "a multi-layer perceptron on rows of a table, with a vector for each category"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            OptionSpec {
                name: "batch_norm",
                kind: "true or false",
                default: "false",
                summary: "whether each layer's values are normalized over the batch",
            },
            OptionSpec {
                name: "category_dimension",
                kind: "whole number from 1 to 1024",
                default: "by the number of categories, 50 at most",
                summary: "the length of the vector of each category",
            },
            OptionSpec {
                name: "dropout",
                kind: "number from 0 to below 1",
                default: "0.1",
                summary: "how probable it is that a value behind a layer becomes zero in training",
            },
            OptionSpec {
                name: "hidden",
                kind: "list of whole numbers, at most 64",
                default: "[128, 64]",
                summary: "the widths of the layers between input and output",
            },
            OptionSpec {
                name: "numbers",
                kind: "{ kind = \"as_it_is\" }, { kind = \"periodic\", frequencies, sigma, dimension } or { kind = \"piecewise_linear\", bins, dimension }",
                default: "{ kind = \"as_it_is\" }",
                summary: "what is made of each number first",
            },
        ]
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
        let invalid = |reason: String| NnError::InvalidOption {
            architecture: self.name(),
            reason,
        };
        config.numbers.check().map_err(invalid)?;
        if config.hidden.len() > HIDDEN_MAX {
            return Err(invalid(format!("more than {HIDDEN_MAX} hidden layers")));
        }
        if config
            .category_dimension
            .is_some_and(|size| !(1..=1024).contains(&size))
        {
            return Err(invalid(
                "category_dimension is not between 1 and 1024".to_owned(),
            ));
        }
        let mut builder = Builder::new(start, device);
        let number_features = Numbers::new(&mut builder, *numbers, config.numbers)?;
        let mut width = numbers * number_features.as_ref().map_or(1, Numbers::dimension);
        let mut tables = Vec::with_capacity(categories.len());
        for codes in categories {
            let usual = || usual_dimension(*codes);
            let dimension = config.category_dimension.unwrap_or_else(usual);
            width += dimension;
            tables.push(Table::new(&mut builder, *codes, dimension)?);
        }
        let default = Initializer::TorchDefault;
        let mut layers = Vec::new();
        for features in config.hidden {
            layers.push(builder.linear(width, features, default, default)?);
            if config.batch_norm {
                layers.push(builder.batch_norm2d(features)?);
            }
            layers.push(function(Operation::Relu));
            layers.push(builder.dropout(config.dropout)?);
            width = features;
        }
        layers.push(builder.linear(width, spec.outputs, default, default)?);
        let body = TabularMlp {
            numbers: number_features,
            categories: tables,
            layers: Sequence::numbered(layers),
            number_count: *numbers,
        };
        Ok(Network::from_body(spec, Body::TabularMlp(body)))
    }

    fn recognize(&self, _: &WeightShapes) -> Option<NetworkSpec> {
        // Weights do not tell how many codes a category has been given, and what the numbers are.
        None
    }
}

/// The layers of [`Mlp`].
#[derive(Module, Debug)]
pub(crate) struct TabularMlp {
    numbers: Option<Numbers>,
    categories: Vec<Table>,
    layers: Sequence,
    #[module(skip)]
    number_count: usize,
}

impl TabularMlp {
    /// Rows `[batch, numbers + categories]` to outputs.
    pub(crate) fn forward(&self, rows: Tensor<2>, pass: Pass) -> Tensor<2> {
        let [batch, columns] = rows.dims();
        let mut parts = Vec::new();
        if self.number_count > 0 {
            let numbers = rows.clone().slice([0..batch, 0..self.number_count]);
            parts.push(match &self.numbers {
                Some(features) => features.forward(numbers).flatten(1, 2),
                None => numbers,
            });
        }
        for (table, column) in self.categories.iter().zip(self.number_count..columns) {
            parts.push(table.forward(codes_of(&rows, column)));
        }
        let features: Tensor<4> = Tensor::cat(parts, 1).unsqueeze_dims(&[2, 3]);
        self.layers.forward(features, pass).flatten(1, 3)
    }
}
