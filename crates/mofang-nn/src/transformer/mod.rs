//! Transformers: the blocks that they are made of, and one file per architecture.
//!
//! What goes through them are rows, `[batch · length, features]`: one for each token of each text.

mod attention;
mod bert;
mod layer_norm;

pub(crate) use attention::{KeyMask, attend};
pub(crate) use bert::{Bert, BertBody};
pub(crate) use layer_norm::LayerNorm;
