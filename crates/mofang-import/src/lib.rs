//! Makes packages of model files that other tools wrote: PyTorch's, safetensors and ONNX.
//!
//! [`import`] takes a model's files and what their owner says of them ([`ImportOptions`]), and gives a
//! package: weights as safetensors under the names that they had, an architecture that they fit
//! exactly, a pipeline, labels, and a bill of materials with the digest of the original. What the file
//! did not tell and nobody said is assumed where that is usual, and each assumption is a warning in
//! the [`ImportReport`].
//!
//! The architecture is found by one of five ways, in this order: it is named in the options; a `config.json`
//! of transformers beside the weights describes it, with the tokenizer in `tokenizer.json` and how the texts of a
//! language model go on in `generation_config.json`; the file
//! is a whole module whose layers can be written down; the names and shapes of the weights are those
//! of a network that is known; or the import fails and says what to do. Loading then proves it: a
//! weight that is missing, unexpected or of another shape is an error.
//!
//! An ONNX model is a graph of its own and stays as it is. What the graph does not tell, such as
//! whether it computes several examples at once, is asked of the model, where the request places it.
//!
//! Files come from strangers. They are read as data by `mofang-pytorch` and by the safetensors reader
//! of `mofang-nn`, and ONNX models by `mofang-onnx`; nothing in them is executed.

mod bill_of_materials;
mod error;
mod files;
mod import;
mod layers;
mod onnx;
mod options;
mod preprocessing;
mod report;
mod source;
mod transformers;

pub use bill_of_materials::BILL_OF_MATERIALS_FILE;
pub use error::ImportError;
pub use files::{ImportFile, files_to_import, is_step};
pub use import::{Import, ImportRequest, import};
pub use options::{ImportOptions, Preset};
pub use report::{FileFormat, ImportReport};
