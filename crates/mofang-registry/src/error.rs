//! What can go wrong in the registry.

use mofang_artifacts::ArtifactError;
use mofang_store::StoreError;
use mofang_types::{AliasName, Coded, ErrorCode, ModelName};

/// A failure of the registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is no model of this name.
    #[error("model \"{model}\" does not exist{hint}")]
    ModelNotFound {
        /// The name.
        model: ModelName,
        /// A model that may have been meant, or nothing.
        hint: String,
    },
    /// The model has no version of this number.
    #[error("version \"{model}@{number}\" does not exist")]
    VersionNotFound {
        /// The model.
        model: ModelName,
        /// The number.
        number: u32,
    },
    /// The model has no alias of this name.
    #[error("alias \"{model}@{alias}\" does not exist")]
    AliasNotFound {
        /// The model.
        model: ModelName,
        /// The alias.
        alias: AliasName,
    },
    /// All versions of the model were deleted.
    #[error("model \"{model}\" has no version; publish one first")]
    NoVersion {
        /// The model.
        model: ModelName,
    },
    /// The version is there and must not be used.
    #[error("version \"{model}@{number}\" is quarantined: {reason}")]
    Quarantined {
        /// The model.
        model: ModelName,
        /// The number.
        number: u32,
        /// Why.
        reason: String,
    },
    /// The alias has named no other version that could be used now.
    #[error(
        "alias \"{model}@{alias}\" has no earlier version to go back to; move it by naming one"
    )]
    NoEarlierVersion {
        /// The model.
        model: ModelName,
        /// The alias.
        alias: AliasName,
    },
    /// A remark that cannot be put on a version.
    #[error("the {what} cannot be kept: {reason}")]
    InvalidRemark {
        /// What it is: a tag's key, a tag's value, a note.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The weights are no safetensors file, so they cannot be compared.
    #[error("the weights of \"{model}@{number}\" cannot be compared: {detail}")]
    UnreadableWeights {
        /// The model.
        model: ModelName,
        /// The number.
        number: u32,
        /// Why.
        detail: String,
    },
    /// The metadata failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The artifacts failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A task of the registry was stopped before its end.
    #[error("the registry was interrupted while it was to {operation}")]
    Interrupted {
        /// What was being done.
        operation: &'static str,
    },
}

impl Coded for RegistryError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::ModelNotFound { .. }
            | Self::VersionNotFound { .. }
            | Self::AliasNotFound { .. }
            | Self::NoVersion { .. } => ErrorCode::NotFound,
            Self::Quarantined { .. } => ErrorCode::Unavailable,
            Self::NoEarlierVersion { .. } | Self::UnreadableWeights { .. } => ErrorCode::Conflict,
            Self::InvalidRemark { .. } => ErrorCode::InvalidInput,
            // A missing blob is a fault of ours: what the caller named does exist.
            Self::Artifact(error) if error.is_damage() => ErrorCode::Unavailable,
            Self::Store(error) => error.code(),
            Self::Artifact(error) => error.code(),
            Self::Interrupted { .. } => ErrorCode::Internal,
        }
    }
}
