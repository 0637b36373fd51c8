//! What can be wrong with a file.

use mofang_types::{Coded, ErrorCode};

use crate::limits::EXCERPT_MAX;

/// What can be wrong with a file. No message holds more of the file than a short name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PytorchError {
    /// It is something else.
    #[error("it is not a PyTorch file: {0}")]
    NotPytorch(String),
    /// It is a program in place of weights.
    #[error(
        "it is a TorchScript archive, which is a program; save the weights alone, \
         torch.save(model.state_dict(), path), or export the model to ONNX"
    )]
    TorchScript,
    /// It names something that no file of weights needs.
    #[error(
        "it refers to \"{name}\", which is not among the types that weights are made of; nothing of \
         the file was executed. Save the weights alone, torch.save(model.state_dict(), path), or \
         export the model to ONNX"
    )]
    UnknownGlobal {
        /// The global, e.g. `posix.system`.
        name: String,
    },
    /// It contradicts itself or ends too early.
    #[error("it is damaged: {place}: {reason}")]
    Damaged {
        /// The part at fault.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// It is whole, and uses something that is not read.
    #[error("it cannot be read: {0}")]
    Unsupported(String),
    /// It holds no weights where weights were looked for.
    #[error("{0}")]
    NoWeights(String),
}

impl PytorchError {
    pub(crate) fn damaged(place: &str, reason: impl Into<String>) -> Self {
        Self::Damaged {
            place: excerpt(place),
            reason: reason.into(),
        }
    }
}

impl Coded for PytorchError {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}

/// The beginning of a text that came from a file, without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars()
        .take(EXCERPT_MAX)
        .map(|character| {
            if character.is_control() {
                '\u{FFFD}'
            } else {
                character
            }
        })
        .collect()
}
