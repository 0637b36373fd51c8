//! Checkpoints: from any of them a run goes on as if it had never stopped (TRUST REL-1).
//!
//! A checkpoint is one safetensors file: weights and running statistics under `weights.`, the
//! optimizer's tensors under `optimizer.`, everything else as JSON in the header, with the SHA-256
//! of it all, which is checked when it is read. It is written atomically, on a thread of its own.

mod folder;
mod format;
mod writer;

use std::collections::BTreeMap;

use mofang_types::{Coded, ErrorCode, Tensor};

pub(crate) use folder::CheckpointFolder;
pub(crate) use writer::CheckpointWriter;

use crate::files::FileError;
use crate::optimizer::OptimizerState;
use crate::run_state::RunState;

/// Everything that the next step depends on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) state: RunState,
    /// Parameters and running statistics by name.
    pub(crate) weights: BTreeMap<String, Tensor>,
    pub(crate) optimizer: OptimizerState,
}

/// What can go wrong with checkpoints.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The bytes are not what was written.
    #[error("the checkpoint {name} is damaged: {reason}")]
    Damaged {
        /// The file.
        name: String,
        /// What shows it.
        reason: String,
    },
    /// It was written by a newer version.
    #[error("the checkpoint {name} has format {format}, this version reads 1; use a newer mofang")]
    NewerFormat {
        /// The file.
        name: String,
        /// Its format.
        format: u32,
    },
    /// The thread that writes is gone.
    #[error("the thread that writes checkpoints ended early")]
    WriterGone,
}

impl Coded for CheckpointError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::File(error) => error.code(),
            Self::Damaged { .. } => ErrorCode::Unavailable,
            Self::NewerFormat { .. } => ErrorCode::InvalidInput,
            Self::WriterGone => ErrorCode::Internal,
        }
    }
}
