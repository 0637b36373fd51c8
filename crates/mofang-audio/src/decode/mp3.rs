//! MP3: tags and frame headers are walked here, the frames are decoded by symphonia.

use std::io::Cursor;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::default::codecs::MpaDecoder;
use symphonia::default::formats::MpaReader;

use super::mp3_frame::Frames;
use super::symphonia_glue::{append_mono, fault, stream};
use crate::{AudioError, SoundFormat, Waveform, limits};

pub(super) fn decode(bytes: &[u8]) -> Result<Waveform, AudioError> {
    let frames = Frames::read(bytes)?;
    let sample_rate = frames.header.sample_rate;
    limits::check_sample_rate(sample_rate)?;
    limits::check_duration(
        frames.count.saturating_mul(frames.header.samples),
        sample_rate,
    )?;
    let source = stream(Cursor::new(frames.bytes));
    let mut reader = MpaReader::try_new(source, FormatOptions::default())
        .map_err(|error| fault(SoundFormat::Mp3, &error))?;
    let parameters = reader
        .tracks()
        .first()
        .and_then(|track| track.codec_params.as_ref()?.audio())
        .ok_or_else(|| AudioError::damaged(SoundFormat::Mp3, "it has no stream"))?;
    let mut decoder = MpaDecoder::try_new(parameters, &AudioDecoderOptions::default())
        .map_err(|error| fault(SoundFormat::Mp3, &error))?;
    let (mut mono, mut block) = (Vec::new(), Vec::new());
    while let Some(packet) = reader
        .next_packet()
        .map_err(|error| fault(SoundFormat::Mp3, &error))?
    {
        let decoded = decoder
            .decode(&packet)
            .map_err(|error| fault(SoundFormat::Mp3, &error))?;
        append_mono(&decoded, &mut block, &mut mono);
    }
    if mono.is_empty() {
        return Err(AudioError::NoSound {
            format: SoundFormat::Mp3,
        });
    }
    Waveform::new(sample_rate, mono)
}
