//! Networks for rows of a table: numbers, then the code of each category.

mod categories;
mod mlp;
mod numbers;

pub(crate) use mlp::{Mlp, TabularMlp};
