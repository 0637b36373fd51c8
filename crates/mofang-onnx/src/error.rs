//! What can be wrong with a model or with a call of it.

use mofang_types::{Coded, ErrorCode};

use crate::engine::UnsupportedOperator;
use crate::limits::EXCERPT_MAX;

/// What can be wrong with a model or with a call of it. No message holds more of a file than short
/// names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// It is something else.
    #[error("it is not an ONNX model: {0}")]
    NotOnnx(String),
    /// It is cut off or contradicts itself.
    #[error("it is damaged: {place}: {reason}")]
    Damaged {
        /// The part at fault.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// It asks for more than a model may have.
    #[error("it is too large: {0}")]
    TooLarge(String),
    /// Its nodes and values do not make a graph that can be computed.
    #[error("its graph is wrong: {0}")]
    Graph(String),
    /// Some of its weights are in another file.
    #[error(
        "the values of \"{tensor}\" are in another file, \"{location}\", {reason}; save the model \
         as one file: onnx.save_model(model, path, save_as_external_data=False)"
    )]
    ExternalData {
        /// The tensor.
        tensor: String,
        /// The path as the model gives it.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is whole, and uses operators that the engine does not run.
    #[error("the engine does not run {}", list(.0))]
    UnsupportedOperators(Vec<UnsupportedOperator>),
    /// It is whole, and uses something else that is not supported.
    #[error("it cannot be run: {0}")]
    Unsupported(String),
    /// A call gives an input that the model does not take, or leaves one out.
    #[error("{0}")]
    Input(String),
    /// The engine refused to load it or to run it.
    #[error("the engine failed to {action} it: {reason}")]
    Engine {
        /// `load` or `run`.
        action: &'static str,
        /// What the engine says.
        reason: String,
    },
    /// The engine broke off in the middle; its state is gone, the process lives.
    #[error("the engine panicked when it was to {action} it: {reason}")]
    Panicked {
        /// `load` or `run`.
        action: &'static str,
        /// What the panic says.
        reason: String,
    },
}

impl OnnxError {
    pub(crate) fn damaged(place: &str, reason: impl Into<String>) -> Self {
        Self::Damaged {
            place: excerpt(place),
            reason: reason.into(),
        }
    }
}

impl Coded for OnnxError {
    fn code(&self) -> ErrorCode {
        if matches!(self, Self::Panicked { .. }) {
            ErrorCode::Internal
        } else {
            ErrorCode::InvalidInput
        }
    }
}

fn list(operators: &[UnsupportedOperator]) -> String {
    let texts: Vec<String> = operators.iter().map(ToString::to_string).collect();
    texts.join("; ")
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
