//! Why a file cannot be imported.

use mofang_data::DataError;
use mofang_nn::NnError;
use mofang_pytorch::PytorchError;
use mofang_types::{Coded, ErrorCode};

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The PyTorch file cannot be read.
    #[error(transparent)]
    Pytorch(#[from] PytorchError),
    /// The architecture cannot be built, or the safetensors file cannot be read.
    #[error(transparent)]
    Network(#[from] NnError),
    /// The pipeline cannot be put together.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The file is of none of the formats that are read.
    #[error(
        "the format of \"{file_name}\" is not known: PyTorch (.pth, .pt, .th, .bin) and safetensors \
         are read; {reason}"
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
    /// The weights are not those of the architecture that is named.
    #[error("the weights do not fit the architecture: {report}")]
    DoesNotFit {
        /// What is missing, too much or of another shape.
        report: String,
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
            Self::UnknownFormat { .. }
            | Self::NotRecognized { .. }
            | Self::UnsupportedLayer { .. }
            | Self::Missing { .. }
            | Self::InvalidOption { .. }
            | Self::DoesNotFit { .. }
            | Self::NotFinite { .. } => ErrorCode::InvalidInput,
        }
    }
}
