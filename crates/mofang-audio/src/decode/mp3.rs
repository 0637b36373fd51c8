//! MP3: tags and frame headers are walked here, the frames are decoded by symphonia.

use std::io::Cursor;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::{MediaSourceStream, ReadOnlySource};
use symphonia::default::codecs::MpaDecoder;
use symphonia::default::formats::MpaReader;

use super::flac::append_mono;
use super::mp3_frame::Frames;
use crate::{AudioError, SoundFormat, Waveform, limits};

pub(super) fn decode(bytes: &[u8]) -> Result<Waveform, AudioError> {
    let frames = Frames::read(bytes)?;
    let sample_rate = frames.header.sample_rate;
    limits::check_sample_rate(sample_rate)?;
    limits::check_duration(
        frames.count.saturating_mul(frames.header.samples),
        sample_rate,
    )?;
    // A source that can seek would have its length guessed from the bit rate, and be cut to that.
    let source = ReadOnlySource::new(Cursor::new(frames.bytes));
    let stream = MediaSourceStream::new(Box::new(source), Default::default());
    let mut reader = MpaReader::try_new(stream, FormatOptions::default()).map_err(fault)?;
    let parameters = reader
        .tracks()
        .first()
        .and_then(|track| track.codec_params.as_ref()?.audio())
        .ok_or_else(|| AudioError::damaged(SoundFormat::Mp3, "it has no stream"))?;
    let mut decoder =
        MpaDecoder::try_new(parameters, &AudioDecoderOptions::default()).map_err(fault)?;
    let (mut mono, mut block) = (Vec::new(), Vec::new());
    while let Some(packet) = reader.next_packet().map_err(fault)? {
        let decoded = decoder.decode(&packet).map_err(fault)?;
        append_mono(&decoded, &mut block, &mut mono);
    }
    if mono.is_empty() {
        return Err(AudioError::NoSound {
            format: SoundFormat::Mp3,
        });
    }
    Waveform::new(sample_rate, mono)
}

fn fault(error: Error) -> AudioError {
    match error {
        Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            AudioError::truncated(SoundFormat::Mp3, "it ends within a frame")
        }
        Error::Unsupported(reason) => AudioError::unsupported(SoundFormat::Mp3, reason),
        error => AudioError::damaged(SoundFormat::Mp3, error.to_string()),
    }
}
