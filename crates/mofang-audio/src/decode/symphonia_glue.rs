//! What both decoders of symphonia share.

use std::io::{ErrorKind, Read};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::errors::Error;
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource};

use super::mix;
use crate::{AudioError, SoundFormat};

/// A source that cannot seek: the length of an MP3 that can would be guessed from its bit rate, and the
/// sound cut to that.
pub(super) fn stream<'a>(source: impl Read + Send + Sync + 'a) -> MediaSourceStream<'a> {
    let source = Box::new(ReadOnlySource::new(source));
    MediaSourceStream::new(source, MediaSourceStreamOptions::default())
}

/// Appends the mean of the channels of a decoded block.
pub(super) fn append_mono(
    decoded: &GenericAudioBufferRef<'_>,
    block: &mut Vec<f32>,
    mono: &mut Vec<f32>,
) {
    decoded.copy_to_vec_interleaved(block);
    mix::interleaved(block, decoded.num_planes(), mono);
}

pub(super) fn fault(format: SoundFormat, error: &Error) -> AudioError {
    if let Error::IoError(error) = error
        && error.kind() == ErrorKind::UnexpectedEof
    {
        return AudioError::truncated(format, "it ends within a frame");
    }
    if let Error::Unsupported(reason) = error {
        return AudioError::unsupported(format, *reason);
    }
    AudioError::damaged(format, error.to_string())
}
