//! Transformers: the blocks that they are made of, and one file per architecture.
//!
//! What goes through them are rows, `[batch · length, features]`: one for each token of each text.

mod attention;
mod bert;
mod decoder;
mod encoder;
mod gpt2;
mod layer_norm;
mod llama;
mod memory;
mod vit;

pub(crate) use attention::{KeyMask, attend};
pub(crate) use bert::{Bert, BertBody};
pub use decoder::Continuation;
pub(crate) use decoder::Decoder;
pub(crate) use gpt2::{Gpt2, Gpt2Body, Projection};
pub(crate) use layer_norm::LayerNorm;
pub(crate) use llama::{Llama, LlamaBody, RmsNorm};
pub(crate) use memory::Memory;
pub(crate) use vit::{Vit, VitBody};
