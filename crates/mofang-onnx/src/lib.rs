//! Reads ONNX models as data, checks them, and runs them.
//!
//! An ONNX model is a Protocol Buffers message: a graph of operators, its weights, and the names,
//! element types and shapes of what goes in and comes out. [`OnnxFile::read`] walks over the whole
//! message without copying the weights, checks it against itself, and gives its
//! [`ModelDescription`]. [`Session`] runs a file that passed, on the pure Rust engine `rten`.
//!
//! The engine reads nothing that the reader has not been over first: it sets no limits of its own.
//! Operators that it does not have, or whose results it gets wrong, are refused by name before
//! anything runs ([`unsupported_operators`]). What a graph may compute is not bounded here: a small
//! file can ask for a large memory or a long time, so a file from outside belongs into a process
//! with limits.
//!
//! # Limits
//! Every length is checked against the bytes that are left before anything is allocated; the rest
//! are in [`limits`].
//!
//! # Numbers
//! The engine computes in `f32`, `i32`, `i8` and `u8`. A graph's `float64` and `float16` values are
//! `f32` inside, and its `int64` and `bool` values are `i32`: an input beyond that range is refused,
//! and a sum inside the graph beyond it wraps.

// Whoever sends a file chooses every number in it.
#![deny(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod description;
mod element_type;
mod engine;
mod error;
mod file;
pub mod limits;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod wire;

pub use description::{
    Dimension, ModelDescription, OperatorCount, OpsetImport, ValueDescription, ValueKind,
};
pub use element_type::ElementType;
pub use engine::{
    Array, Session, SessionOptions, UnsupportedOperator, Value, unsupported_operators,
};
pub use error::OnnxError;
pub use file::OnnxFile;
