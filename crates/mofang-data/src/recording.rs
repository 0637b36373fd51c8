//! What a file with sound tells of itself.

use crate::DataError;

/// How long a recording is, in seconds.
///
/// # Errors
/// When it is no file of sound, or beyond the limits of those that are read.
pub fn recording_seconds(bytes: &[u8]) -> Result<f32, DataError> {
    Ok(mofang_audio::decode(bytes)?.duration_seconds() as f32)
}
