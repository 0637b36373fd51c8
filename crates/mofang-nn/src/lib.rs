//! Neural network architectures and their weights, as [burn](burn) modules.
//!
//! A [`Network`] is built from a [`NetworkSpec`] (an architecture's name and configuration,
//! what an example is, the number of outputs) with fresh weights by seed, or takes its weights from
//! a safetensors file under PyTorch's names and layouts. This crate knows no dataset, optimizer or
//! package.
//!
//! # Randomness and exact repetition
//!
//! Nothing here uses burn's global generator. Initial weights come from the seed given to
//! [`Network::new`]. Dropout masks are a function of the `step_seed` given to
//! [`Network::forward_train`], of the dropout layer and of the element, and of nothing else; the
//! trainer passes [`step_seed`]`(run_seed, step)`, so that the step's number is the whole random
//! state and a resumed run draws the same masks. Batch normalization's running statistics are the
//! only state that a forward pass changes, and they are saved with the weights.
//!
//! On the processor, convolution, normalizations, pooling, linear and recurrent layers, attention, embeddings
//! and activations are those of `mofang-kernels`, whose results do not depend on the number of threads ([`Kernels::Off`] switches
//! to burn's own). The other operations (`burn-flex` 0.22.1) give the same bits on every run with the
//! same number of rayon threads: matrix products and reductions along a dimension split their work
//! over outputs, never over a sum. The exception is the sum (and mean) of *all* elements of a large tensor, whose partial sums are
//! combined in the order in which threads finish: reduce along a dimension, or sum on the host,
//! where bits matter.
//!
//! # Devices
//!
//! A [`DeviceChoice`] finds a [`ComputeDevice`], which opens as what networks are built on. Every network computes
//! on each of them; the processor is the one that has kernels of our own, and the one whose bits are promised.
//!
//! # To add an architecture
#![doc = include_str!("../../../docs/adding-an-architecture.md")]

mod architecture;
mod body;
mod builder;
mod cnn;
mod compute_device;
mod device;
mod device_choice;
mod error;
mod gradient_set;
mod initializer;
mod input;
mod kernels;
mod layers;
mod name_path;
mod network;
mod sequence;
mod step_seed;
mod tabular;
mod tokens;
mod transformer;
mod traversals;
#[cfg_attr(not(feature = "vulkan"), path = "no_vulkan.rs")]
mod vulkan;
mod weights;

pub use architecture::{Architecture, OptionSpec, Start};
pub use compute_device::{ComputeDevice, DeviceKind};
pub use device::{cpu_device, tensor_from_burn, tensor_to_burn};
pub use device_choice::DeviceChoice;
pub use error::NnError;
pub use gradient_set::GradientSet;
pub use input::Input;
pub use kernels::Kernels;
pub use layers::Convolution;
pub use network::{Network, NetworkSpec, ParameterInfo, ValueChange};
pub use step_seed::step_seed;
pub use tokens::Tokens;
pub use transformer::Continuation;
pub use weights::{LoadReport, MisShaped, StateDict, Strictness, WeightShapes};

/// The architectures that there are.
pub mod architectures {
    pub use crate::architecture::{all, find, recognize};
}
