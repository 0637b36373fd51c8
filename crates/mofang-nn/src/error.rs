//! What can go wrong with a network or its weights.

use mofang_types::{Coded, ErrorCode, TensorShapeError};

/// What can go wrong with a network or its weights.
#[derive(Debug, thiserror::Error)]
pub enum NnError {
    /// No architecture has the name.
    #[error("unknown architecture \"{name}\"; {hint}")]
    UnknownArchitecture {
        /// The name that was asked for.
        name: String,
        /// What could have been meant.
        hint: String,
    },
    /// The configuration has a key that the architecture does not know.
    #[error("architecture \"{architecture}\" has no option \"{key}\"; {hint}")]
    UnknownOption {
        /// The architecture.
        architecture: &'static str,
        /// The key.
        key: String,
        /// What could have been meant.
        hint: String,
    },
    /// An option has a value that the architecture does not take.
    #[error("architecture \"{architecture}\" cannot be configured so: {reason}")]
    InvalidOption {
        /// The architecture.
        architecture: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// No parameter has a name that begins so.
    #[error("no parameter is below \"{prefix}\"; the names begin with {names}")]
    NoParameterBelow {
        /// The beginning that was asked for.
        prefix: String,
        /// How the names begin that there are.
        names: String,
    },
    /// The input or the number of outputs cannot be used.
    #[error("the network cannot be built: {0}")]
    InvalidSpec(String),
    /// An input has another shape than the network takes.
    #[error("the network takes {expected}, not a batch of shape {actual:?}")]
    InputShape {
        /// What the network takes.
        expected: String,
        /// The shape that came, batch first.
        actual: Vec<usize>,
    },
    /// An input has a value that the network does not take.
    #[error("the input has a value that the network does not take: {0}")]
    InputValue(String),
    /// A tensor's shape and data do not belong together.
    #[error(transparent)]
    Tensor(#[from] TensorShapeError),
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// This build or this machine does not have the device that was asked for.
    #[error("{0}")]
    NoDevice(&'static str),
    /// The bytes are not a safetensors file that can be read.
    #[error("the weights are not a readable safetensors file: {0}")]
    MalformedWeights(String),
    /// The file does not hold the parameters of this network.
    #[error("the weights do not fit the network: {0}")]
    WeightsDoNotFit(String),
}

impl Coded for NnError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownArchitecture { .. }
            | Self::UnknownOption { .. }
            | Self::InvalidOption { .. }
            | Self::NoParameterBelow { .. }
            | Self::InvalidSpec(_)
            | Self::InputShape { .. }
            | Self::InputValue(_)
            | Self::NoDevice(_)
            | Self::MalformedWeights(_)
            | Self::WeightsDoNotFit(_) => ErrorCode::InvalidInput,
            Self::Tensor(error) => error.code(),
            Self::Device(_) => ErrorCode::Internal,
        }
    }
}
