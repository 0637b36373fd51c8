//! The runtime port and its adapters: what loads a package and answers inference.
//!
//! A [`Runtime`] is an engine; what it loads is a [`LoadedModel`], which takes a prepared batch and
//! gives raw outputs. A [`Predictor`] puts the package's own pipeline around one: transforms before,
//! decoders after. No type of an engine appears in a signature here: a tensor is a shape and a
//! `Vec<f32>`.
//!
//! This crate reads packages that are in memory and verified already; it knows no store, no queue
//! and no caller.
//!
//! # To add a runtime
//! 1. Write `src/<name>/mod.rs` with a unit struct that implements [`Runtime`]; an engine that is
//!    heavy to build goes behind a feature of the same name.
//! 2. Add it to the list in `runtime.rs`, in alphabetical order.
//! 3. Add a package of its kind to `tests/it/suite.rs`, which every runtime passes.

mod devices;
mod error;
mod generation;
mod native;
mod onnx;
mod predictor;
mod runtime;
mod sampler;
mod settings;
mod trees;

pub use devices::devices;
pub use error::RuntimeError;
pub use generation::GenerateSettings;
pub use mofang_nn::{ComputeDevice, DeviceChoice, DeviceKind};
pub use predictor::Predictor;
pub use runtime::{Continuation, LoadedModel, Runtime};
pub use settings::RuntimeSettings;

/// The runtimes that there are.
pub mod runtimes {
    pub use crate::runtime::{all, for_package};
}
