//! What parent and process say to each other. Both are the same binary, so the form has no version.

use mofang_types::ErrorCode;
use serde::{Deserialize, Serialize};

/// What the line begins with by which a process that gives up says why, on its standard error.
pub(crate) const LAST_WORD: &str = "error: ";

/// From the parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// The model is in the exchange.
    Load {
        size_bytes: usize,
        threads: usize,
        background: bool,
    },
    /// The inputs are in the exchange, one after the other.
    Run { inputs: Vec<TensorHeader> },
}

/// From the process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Loaded,
    /// The outputs are in the exchange, one after the other.
    Ran {
        outputs: Vec<TensorHeader>,
    },
    Failed {
        message: String,
        code: ErrorCode,
    },
}

/// A tensor in the exchange.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TensorHeader {
    pub(crate) name: String,
    pub(crate) element_type: WireType,
    pub(crate) shape: Vec<usize>,
}

/// The element types that are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WireType {
    Float,
    Double,
    Int64,
    Int32,
    Bool,
    Uint8,
    Int8,
}
