//! Runs a model in a process of its own, with limits on memory and time.
//!
//! A model file from outside is a program: it may ask for more memory than there is, or never end,
//! and the engine that runs it may break off. [`ModelHost`] starts the same binary again with
//! [`HOST_COMMAND`]; that process, [`run_host`], lowers its own limits before it reads anything,
//! loads one model, and answers one request at a time. Requests and answers go over a socket, and
//! the elements of tensors through a file in memory that both have open.
//!
//! What goes wrong there stays there. A process that does not answer in time is killed, and the
//! request in it answered as timed out; one that dies fails the request in it; either is started
//! again by the next request. A model whose processes fail [`HostLimits::failures_max`] times within
//! [`HostLimits::failures_window`] is quarantined with the reason. Dropping the host ends the
//! process, which gives all of its memory back to the system.
//!
//! Nothing here is `unsafe`: both sides copy elements out of the file, so neither sees memory change
//! under it. The parent takes nothing on trust of what comes back: lengths, types and shapes are
//! checked before anything is allocated for them.

mod child;
mod error;
mod exchange;
mod frame;
mod host;
mod limits;
mod message;
mod placement;
mod process;
mod tensor_model;

pub use child::run_host;
pub use error::HostError;
pub use host::ModelHost;
pub use limits::HostLimits;
pub use placement::{PlacedModel, Placement};
pub use process::HostProgram;
pub use tensor_model::{TensorModel, TensorModelConfig};

/// The argument that makes a binary a model's process; the limit on its memory in bytes follows.
pub const HOST_COMMAND: &str = "model-host";
