//! What is asked and answered where the HTTP interface has no type of its own for it.

use mofang_types::{Prediction, UnixMillis};
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
