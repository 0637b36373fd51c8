//! Fused `f32` operations for the processor, with hand-written backward passes, on plain slices.
//!
//! Each operation is a module of plain functions over `&[f32]` and a geometry; no tensor library is
//! known here, so that this crate builds and tests in seconds. `mofang-nn` binds them to its tensors and
//! falls back to the tensor library's own operations on any other device.
//!
//! | for | modules |
//! | --- | --- |
//! | images | [`conv2d`], [`batch_norm2d`], [`pooling`], [`subsample`], [`pointwise`] |
//! | Transformers | [`attention`], [`layer_norm`], [`embedding`], [`rope`] |
//! | sequences | [`recurrent`] |
//! | any network | [`linear`], [`nonlinearity`] |
//! | training | [`cross_entropy`], [`ctc`], [`optimizer`] |
//!
//! Products of matrices all go through one loop over tiles that stay in registers. `examples/` holds programs
//! that measure.
//!
//! # What holds for every operation
//!
//! - The same input gives the same bits on the same processor, whatever the number of threads is: work
//!   is split over outputs, or over parts that the shapes fix and that are added in a fixed order.
//! - Vector instructions are found at run time (AVX-512, AVX2 with FMA, or the target's own), so that
//!   processors differ in the last bits of products of matrices.
//! - NaN and infinity go where the formula takes them.
//! - Slices of a wrong length are an error, never a panic.
//! - Threads are rayon's, of the pool that the caller runs in.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts of values are far below 2^52, and results are f32"
)]

pub mod attention;
pub mod batch_norm2d;
pub mod conv2d;
pub mod cross_entropy;
pub mod ctc;
pub mod embedding;
pub mod layer_norm;
pub mod linear;
pub mod nonlinearity;
pub mod optimizer;
pub mod pointwise;
pub mod pooling;
pub mod recurrent;
pub mod rope;
pub mod subsample;

mod activation;
mod error;
mod math;
mod product;
mod recycling;
mod scratch;
mod shared;
mod simd;
mod sums;
mod tile_product;
mod transpose;

pub use activation::Activation;
pub use error::KernelError;
pub use nonlinearity::Nonlinearity;
pub use recycling::{recycle, recycled};
#[doc(hidden)]
pub use simd::lower_instructions;
#[doc(hidden)]
pub use tile_product::register_speed;

/// The shapes of the operations.
pub mod geometry {
    pub use crate::attention::{AttentionShape, HeadLayout};
    pub use crate::batch_norm2d::ChannelShape;
    pub use crate::conv2d::{Conv2dGeometry, Conv2dWindows};
    pub use crate::embedding::EmbeddingShape;
    pub use crate::layer_norm::RowShape;
    pub use crate::linear::LinearShape;
    pub use crate::pooling::{AreaGeometry, PoolGeometry};
    pub use crate::recurrent::RecurrentShape;
    pub use crate::rope::{RotaryPairs, RotaryShape};
    pub use crate::subsample::SubsampleShape;
}
