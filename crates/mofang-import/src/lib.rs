//! Makes packages of model files that other tools wrote: PyTorch's and safetensors.
//!
//! [`import`] takes the bytes of a file and what its owner says of it ([`ImportOptions`]), and gives a
//! package: weights as safetensors under the names that they had, an architecture that they fit
//! exactly, a pipeline, labels, and a bill of materials with the digest of the original. What the file
//! did not tell and nobody said is assumed where that is usual, and each assumption is a warning in
//! the [`ImportReport`].
//!
//! The architecture is found by one of four ways, in this order: it is named in the options; the file
//! is a whole module whose layers can be written down; the names and shapes of the weights are those
//! of a network that is known; or the import fails and says what to do. Loading then proves it: a
//! weight that is missing, unexpected or of another shape is an error.
//!
//! A model of texts comes with its tokenizer, in the options; its architecture has to be named with its
//! configuration, which may be the `config.json` that transformers writes.
//!
//! Files come from strangers. They are read as data by `mofang-pytorch` and by the safetensors reader
//! of `mofang-nn`; nothing in them is executed.

mod bill_of_materials;
mod error;
mod import;
mod layers;
mod options;
mod preprocessing;
mod report;
mod source;
mod texts;

pub use bill_of_materials::BILL_OF_MATERIALS_FILE;
pub use error::ImportError;
pub use import::{Import, ImportRequest, import};
pub use options::{ImportOptions, Preset};
pub use report::{FileFormat, ImportReport};
