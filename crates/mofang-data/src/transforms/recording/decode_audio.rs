//! Reads a sound file.

use serde::{Deserialize, Serialize};

/// Reads a WAV, FLAC or MP3 file of any sample rate; channels are mixed to one by their mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecodeAudio {}
