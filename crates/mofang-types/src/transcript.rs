//! What was said.

use serde::{Deserialize, Serialize};

/// What was said in a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The words.
    pub text: String,
    /// The words one by one, in order.
    pub words: Vec<SpokenWord>,
    /// The probability that the model gives the text, 0 to 1.
    pub probability: f32,
}

/// A word and when it was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpokenWord {
    /// The word.
    pub text: String,
    /// Where it begins, in seconds from the beginning of the recording.
    pub start_seconds: f32,
    /// Where it ends.
    pub end_seconds: f32,
}
