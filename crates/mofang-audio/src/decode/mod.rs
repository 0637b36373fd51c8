//! Reads a sound file within limits that are checked on its header, before anything is decoded.
//!
//! Everything but the sound is skipped unread: tags, pictures and cue sheets are somebody else's parsers.

// Whoever sends a file chooses every number in it.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing
)]

mod flac;
mod g711;
mod mix;
mod mp3;
mod mp3_frame;
mod symphonia_glue;
mod wav;
mod wav_header;

use crate::{AudioError, SoundFormat, Waveform};

/// Decodes the bytes of a WAV (PCM of 8 to 32 bits, float, A-law, µ-law), FLAC or MP3 file. Channels
/// are mixed to one by their mean; the sample rate stays as it is.
///
/// # Errors
/// An empty, unknown, truncated, damaged or unsupported file; one without sound; one beyond
/// [`limits`](crate::limits).
pub fn decode(bytes: &[u8]) -> Result<Waveform, AudioError> {
    if bytes.is_empty() {
        return Err(AudioError::Empty);
    }
    match sniff(bytes) {
        Some(SoundFormat::Wav) => wav::decode(bytes),
        Some(SoundFormat::Flac) => flac::decode(bytes),
        Some(SoundFormat::Mp3) => mp3::decode(bytes),
        None => Err(AudioError::UnknownFormat(hint(bytes).to_owned())),
    }
}

/// The format that the first bytes are of.
pub fn sniff(bytes: &[u8]) -> Option<SoundFormat> {
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE") {
        Some(SoundFormat::Wav)
    } else if bytes.starts_with(b"fLaC") {
        Some(SoundFormat::Flac)
    } else if bytes.starts_with(b"ID3") || mp3_frame::FrameHeader::parse(bytes).is_some() {
        Some(SoundFormat::Mp3)
    } else {
        None
    }
}

/// What a file that is not read looks like.
fn hint(bytes: &[u8]) -> &'static str {
    let known: [(usize, &[u8], &str); 6] = [
        (0, b"OggS", "; it looks like Ogg, convert it to FLAC"),
        (4, b"ftyp", "; it looks like MP4 or M4A, convert it to FLAC"),
        (0, b"FORM", "; it looks like AIFF, convert it to WAV"),
        (0, b"RF64", "; it is a 64-bit WAV, convert it to FLAC"),
        (
            0,
            b"\x1a\x45\xdf\xa3",
            "; it looks like Matroska or WebM, convert it to FLAC",
        ),
        (0, b"RIFF", "; it is a RIFF file of another kind or cut off"),
    ];
    known
        .iter()
        .find(|(at, magic, _)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
        .map_or("", |(_, _, hint)| hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sound_is_refused_by_name() {
        assert_eq!(decode(b""), Err(AudioError::Empty));
        for (bytes, hint) in [
            (&b"OggS\0\x02"[..], "Ogg"),
            (b"\0\0\0\x20ftypM4A ", "M4A"),
            (b"RIFF\x04\0\0\0AVI ", "RIFF"),
            (b"hello", "no WAV, FLAC or MP3 file"),
        ] {
            let error = decode(bytes).unwrap_err();
            assert!(
                matches!(error, AudioError::UnknownFormat(_)),
                "{bytes:?}: {error}"
            );
            assert!(error.to_string().contains(hint), "{error}");
        }
    }
}
