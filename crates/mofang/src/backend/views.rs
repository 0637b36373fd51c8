//! What is asked and answered where the HTTP interface has no type of its own for it.

use mofang_types::{GeneratedText, Prediction, UnixMillis};
use serde::{Deserialize, Serialize};

/// An answer with the version that gave it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Predicted {
    pub(crate) model: String,
    pub(crate) version: u32,
    pub(crate) prediction: Prediction,
    /// What whoever asks should know, such as that the end of a text was not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// A text that goes on, with the version that wrote it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Generated {
    pub(crate) model: String,
    /// Absent where a server does not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u32>,
    #[serde(flatten)]
    pub(crate) generated: GeneratedText,
    /// What the draws were a function of.
    pub(crate) seed: u64,
    /// What whoever asks should know, such as that the beginning of a text was not read.
    pub(crate) warnings: Vec<String>,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewKey {
    /// Whose; one's own at a server.
    pub(crate) user: Option<String>,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_unix_ms: Option<UnixMillis>,
    pub(crate) requests_per_minute: Option<u32>,
}
