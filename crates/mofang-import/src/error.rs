//! Why a file cannot be imported.

use mofang_data::DataError;
use mofang_host::HostError;
use mofang_nn::NnError;
use mofang_onnx::OnnxError;
use mofang_pytorch::PytorchError;
use mofang_types::{Coded, ErrorCode};

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The PyTorch file cannot be read.
    #[error(transparent)]
    Pytorch(#[from] PytorchError),
    /// The ONNX model cannot be read, or not be run.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The ONNX model, asked where models run, failed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The ONNX model is no image classifier.
    #[error(
        "the model does not classify images: {0}; to serve it as it is, tensors in and numbers out, \
         give the task \"tensor\""
    )]
    UnsupportedGraph(String),
    /// The ONNX model does not have one input and one answer for each example.
    #[error("the model cannot be served: {0}")]
    Unservable(String),
    /// The architecture cannot be built, or the safetensors file cannot be read.
    #[error(transparent)]
    Network(#[from] NnError),
    /// The pipeline cannot be put together.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The file is of none of the formats that are read.
    #[error(
        "the format of \"{file_name}\" is not known: PyTorch (.pth, .pt, .th, .bin), safetensors and \
         ONNX are read; {reason}"
    )]
    UnknownFormat {
        /// The name of the file.
        file_name: String,
        /// What it looks like.
        reason: String,
    },
    /// Nothing tells which network the weights belong to.
    #[error(
        "the architecture of these weights is not known (they are named {names}); name it with its \
         configuration, e.g. architecture \"sequential\" with the layers written down"
    )]
    NotRecognized {
        /// The first names.
        names: String,
    },
    /// The whole module that was saved has a layer that has no counterpart.
    #[error(
        "the layer \"{path}\" is a {class}{reason}; save the weights alone and name the architecture, \
         or export the model to ONNX"
    )]
    UnsupportedLayer {
        /// Where in the module, e.g. `features.3`.
        path: String,
        /// Its class.
        class: String,
        /// What about it is not supported; empty when the class is not.
        reason: String,
    },
    /// The files do not belong together, or one that describes the weights cannot be used.
    #[error("the files cannot be imported: {0}")]
    Files(String),
    /// Something has to be said that the file does not tell.
    #[error("{what} is not known from the file: give {option}")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// The option that says it.
        option: &'static str,
    },
    /// An option cannot be what it is.
    #[error("the option {option} cannot be used: {reason}")]
    InvalidOption {
        /// The option.
        option: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A weight is NaN or infinite.
    #[error("the weight \"{name}\" has values that are not finite (NaN or infinity)")]
    NotFinite {
        /// The name of the weight.
        name: String,
    },
}

impl Coded for ImportError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Network(error) => error.code(),
            Self::Data(error) => error.code(),
            Self::Pytorch(error) => error.code(),
            Self::Onnx(error) => error.code(),
            Self::Host(error) => host_code(error),
            Self::UnsupportedGraph(_)
            | Self::Unservable(_)
            | Self::UnknownFormat { .. }
            | Self::NotRecognized { .. }
            | Self::UnsupportedLayer { .. }
            | Self::Files(_)
            | Self::Missing { .. }
            | Self::InvalidOption { .. }
            | Self::NotFinite { .. } => ErrorCode::InvalidInput,
        }
    }
}

/// What its own file does to a process is the file's fault.
fn host_code(error: &HostError) -> ErrorCode {
    let is_of_the_file = matches!(
        error,
        HostError::Configuration(_)
            | HostError::Crashed { .. }
            | HostError::Quarantined { .. }
            | HostError::Timeout { .. }
    );
    if is_of_the_file {
        ErrorCode::InvalidInput
    } else {
        error.code()
    }
}
