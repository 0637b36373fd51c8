//! What can go wrong between a package and a prediction.

use mofang_data::DataError;
use mofang_host::HostError;
use mofang_nn::NnError;
use mofang_types::{Coded, ErrorCode, InvalidSampling, ShapeMismatch};

/// What can go wrong between a package and a prediction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// No runtime of this build loads such a package.
    #[error(
        "no runtime of this build loads a package with the architecture \"{architecture}\" for {task}; \
         it may have been made by a newer version"
    )]
    NoRuntime {
        /// The architecture that the manifest names.
        architecture: String,
        /// The task that the manifest names.
        task: String,
    },
    /// The package is whole and still cannot be loaded: its parts contradict each other, or one of
    /// them is not what this build reads.
    #[error("the package cannot be loaded: {part}: {reason}")]
    Unloadable {
        /// The part at fault, e.g. `pipeline` or `model.safetensors`.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The example cannot be prepared.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The prepared input does not have the shape of the signature.
    #[error(transparent)]
    Shape(#[from] ShapeMismatch),
    /// The model answered with NaN or infinity.
    #[error(
        "the model's output for this input is not finite (NaN or infinity); \
         its values may be far from those that the model was trained on"
    )]
    OutputNotFinite,
    /// The model answered with a number of outputs that its decoders do not take.
    #[error("the model gave {actual} outputs, and its decoders take {expected}")]
    OutputLength {
        /// How many came.
        actual: usize,
        /// How many the package names labels for.
        expected: usize,
    },
    /// A model of another engine failed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The model goes on with no texts.
    #[error(
        "the model is of the task {task}, and only one of text-generation goes on with texts; ask it for a \
         prediction instead"
    )]
    NoLanguageModel {
        /// The task that the manifest names.
        task: String,
    },
    /// The model gives no outputs for each token of a text.
    #[error("the model gives outputs for a text, not for each of its tokens")]
    NoSteps,
    /// A number by which no token can be chosen.
    #[error(transparent)]
    Sampling(#[from] InvalidSampling),
    /// A text cannot go on as it is asked for.
    #[error("{name} {reason}")]
    Setting {
        /// What of it was asked for wrongly, e.g. `max_tokens`.
        name: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The engine failed.
    #[error("the model failed: {0}")]
    Engine(NnError),
}

impl RuntimeError {
    /// A part of the package that cannot be used, with the reason that a lower crate gives.
    pub(crate) fn unloadable(part: &'static str) -> impl FnOnce(&dyn std::error::Error) -> Self {
        move |error| Self::Unloadable {
            part,
            reason: error.to_string(),
        }
    }
}

impl Coded for RuntimeError {
    fn code(&self) -> ErrorCode {
        match self {
            // Nothing that a caller sends can mend the package.
            Self::NoRuntime { .. } | Self::Unloadable { .. } => ErrorCode::Unavailable,
            Self::Data(error) => error.code(),
            Self::Shape(error) => error.code(),
            Self::NoLanguageModel { .. }
            | Self::NoSteps
            | Self::OutputNotFinite
            | Self::Setting { .. } => ErrorCode::InvalidInput,
            Self::Sampling(error) => error.code(),
            Self::OutputLength { .. } => ErrorCode::Internal,
            Self::Host(error) => error.code(),
            Self::Engine(error) => error.code(),
        }
    }

    fn parameter(&self) -> Option<&'static str> {
        if let Self::Setting { name, .. } = self {
            return Some(*name);
        }
        if let Self::Sampling(error) = self {
            return error.parameter();
        }
        None
    }
}
