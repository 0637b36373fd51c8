//! What came of an import.

use std::fmt;

use mofang_types::{ArchitectureSpec, ArtifactDigest, ModelInput, ModelSignature, Task};
use serde::{Deserialize, Serialize};

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// <https://onnx.ai>.
    Onnx,
    /// The zip archive of `torch.save`.
    PytorchZip,
    /// What `torch.save` wrote before PyTorch 1.6.
    PytorchLegacy,
    /// <https://huggingface.co/docs/safetensors>.
    Safetensors,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Onnx => "ONNX",
            Self::PytorchZip => "PyTorch (zip)",
            Self::PytorchLegacy => "PyTorch (before 1.6)",
            Self::Safetensors => "safetensors",
        })
    }
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportReport {
    /// The format of the file.
    pub format: FileFormat,
    /// The SHA-256 of the file.
    pub source_digest: ArtifactDigest,
    /// Its size.
    pub source_size_bytes: u64,
    /// Where in the file the weights are, e.g. `state_dict`; empty for all of it.
    pub place: String,
    /// The architecture, found or named.
    pub architecture: ArchitectureSpec,
    /// What the model does.
    pub task: Task,
    /// What it takes for one example, where that is more than a tensor.
    pub input: Option<ModelInput>,
    /// How many numbers it gives for one example: classes, or the length of an embedding.
    pub outputs: usize,
    /// The inputs and outputs.
    pub signature: ModelSignature,
    /// The number of trainable values.
    pub parameters: usize,
    /// What was assumed and what is missing, for people.
    pub warnings: Vec<String>,
}
