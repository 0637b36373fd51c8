//! Networks for rows of a table: numbers, then the code of each category.

mod categories;
mod ft_transformer;
mod mlp;
mod numbers;

pub(crate) use ft_transformer::{FtTransformer, FtTransformerBody};
pub(crate) use mlp::{Mlp, TabularMlp};
