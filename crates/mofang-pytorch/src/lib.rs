//! Reads what `torch.save` writes, as data: nothing in a file is ever executed.
//!
//! A PyTorch file is a pickle, a program for a stack machine that may call any function of Python.
//! [`SavedFile::open`] runs that program on a machine of its own, in which a call is only noted
//! down: the few globals that weights are made of (tensors, dictionaries, the classes of
//! `torch.nn`) are known by name, and every other is refused by name. There is no other way to read
//! a file, and nothing to fall back to.
//!
//! Both containers are read: the zip archive of PyTorch 1.6 and later, and the older one of pickles
//! in a row. [`SavedFile::state_dict`] gives the weights under their names, wherever in the file
//! they are; [`SavedFile::module`] gives a whole module that was saved, with the classes and
//! attributes of its layers, from which a network can be built again.
//!
//! # Limits
//! Every length is checked against the bytes that are left before anything is allocated. A file
//! describes at most [`limits::OBJECTS_MAX`] objects, and a tensor at most [`limits::DIMENSIONS_MAX`]
//! dimensions. The values that tensors are expanded to are at most the file's own bytes and
//! [`limits::EXPANSION_MAX`] more, so that a small file cannot describe a large memory.

// Whoever sends a file chooses every number in it.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing
)]

mod archive;
mod data_type;
mod error;
mod file;
mod global;
mod legacy;
pub mod limits;
mod module;
mod pickle;
mod reader;
mod state_dict;
mod tensor;
mod value;

pub use data_type::DataType;
pub use error::PytorchError;
pub use file::{Container, SavedFile};
pub use global::UnknownClasses;
pub use module::Module;
pub use state_dict::StateDict;
pub use tensor::SavedTensor;
pub use value::Value;
