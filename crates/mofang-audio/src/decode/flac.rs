//! FLAC (RFC 9639): the stream information is checked here, the frames are decoded by symphonia.

use std::io::{Cursor, Read as _};

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::default::codecs::FlacDecoder;
use symphonia::default::formats::FlacReader;

use super::symphonia_glue::{append_mono, fault, stream};
use crate::{AudioError, SoundFormat, Waveform, limits};

/// Bytes of the marker, the header of the first block and the stream information in it.
const STREAM_INFO_END: usize = 42;

/// What the stream information says, checked.
struct StreamInfo {
    sample_rate: u32,
    channels: usize,
    /// Samples of one channel; none where the encoder did not know.
    frames: Option<u64>,
}

pub(super) fn decode(bytes: &[u8]) -> Result<Waveform, AudioError> {
    let info = StreamInfo::read(bytes)?;
    let audio = skip_metadata(bytes)?;
    let mut head = [0; STREAM_INFO_END];
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = *from;
    }
    // Stream information is the only block that the decoder gets to see.
    head[4] = 0x80;
    let source = Cursor::new(head).chain(Cursor::new(audio));
    let mut reader = FlacReader::try_new(stream(source), FormatOptions::default())
        .map_err(|error| fault(SoundFormat::Flac, &error))?;
    let parameters = reader
        .tracks()
        .first()
        .and_then(|track| track.codec_params.as_ref()?.audio())
        .ok_or_else(|| damaged("it has no stream"))?;
    let options = AudioDecoderOptions::default().verify(true);
    let mut decoder = FlacDecoder::try_new(parameters, &options)
        .map_err(|error| fault(SoundFormat::Flac, &error))?;
    let mono = read_frames(&mut reader, &mut decoder, &info)?;
    if decoder.finalize().verify_ok == Some(false) {
        return Err(damaged(
            "its samples do not have the checksum that its header gives",
        ));
    }
    Waveform::new(info.sample_rate, mono)
}

fn read_frames(
    reader: &mut FlacReader<'_>,
    decoder: &mut FlacDecoder,
    info: &StreamInfo,
) -> Result<Vec<f32>, AudioError> {
    // A header may claim any length: memory is taken for what is decoded, not for what is claimed.
    let (mut mono, mut block) = (Vec::new(), Vec::new());
    let count = |mono: &Vec<f32>| u64::try_from(mono.len()).unwrap_or(u64::MAX);
    while let Some(packet) = reader
        .next_packet()
        .map_err(|error| fault(SoundFormat::Flac, &error))?
    {
        let decoded = decoder
            .decode(&packet)
            .map_err(|error| fault(SoundFormat::Flac, &error))?;
        if decoded.num_planes() != info.channels {
            return Err(damaged("its channels change on the way"));
        }
        append_mono(&decoded, &mut block, &mut mono);
        let frames = count(&mono);
        limits::check_duration(frames, info.sample_rate)?;
        if info.frames.is_some_and(|expected| frames > expected) {
            return Err(damaged("it has more samples than its header says"));
        }
    }
    let (frames, expected) = (count(&mono), info.frames);
    match expected {
        Some(expected) if frames < expected => Err(AudioError::truncated(
            SoundFormat::Flac,
            format!("its header tells of {expected} samples, and {frames} are there"),
        )),
        None if frames == 0 => Err(AudioError::NoSound {
            format: SoundFormat::Flac,
        }),
        _ => Ok(mono),
    }
}

fn damaged(reason: &str) -> AudioError {
    AudioError::damaged(SoundFormat::Flac, reason)
}

impl StreamInfo {
    /// Section 8.2: block sizes, frame sizes, then 20 bits of rate, 3 of channels, 5 of depth, 36 of length.
    fn read(bytes: &[u8]) -> Result<Self, AudioError> {
        let cut_off = || AudioError::truncated(SoundFormat::Flac, "it ends within its header");
        let header = bytes.get(4..8).ok_or_else(cut_off)?;
        if !matches!(header, [0x00 | 0x80, 0, 0, 34]) {
            return Err(damaged("it does not begin with its stream information"));
        }
        let fields = bytes
            .get(18..STREAM_INFO_END)
            .and_then(|fields| fields.first_chunk::<8>())
            .ok_or_else(cut_off)?;
        if bytes.len() < STREAM_INFO_END {
            return Err(cut_off());
        }
        let fields = u64::from_be_bytes(*fields);
        let sample_rate = u32::try_from(fields >> 44).unwrap_or(0);
        limits::check_sample_rate(sample_rate)?;
        let channels = usize::try_from((fields >> 41) & 7)
            .unwrap_or(0)
            .saturating_add(1);
        let frames = Some(fields & 0xf_ffff_ffff).filter(|frames| *frames > 0);
        limits::check_duration(frames.unwrap_or(0), sample_rate)?;
        Ok(Self {
            sample_rate,
            channels,
            frames,
        })
    }
}

/// What follows the metadata blocks (section 8.1: one bit that tells the last, 7 of kind, 24 of length).
fn skip_metadata(bytes: &[u8]) -> Result<&[u8], AudioError> {
    let mut rest = bytes.get(4..).unwrap_or_default();
    loop {
        let (header, after) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| AudioError::truncated(SoundFormat::Flac, "it ends within its header"))?;
        let [kind, high, middle, low] = *header;
        let length = u32::from_be_bytes([0, high, middle, low]);
        rest = after
            .get(usize::try_from(length).unwrap_or(usize::MAX)..)
            .ok_or_else(|| AudioError::truncated(SoundFormat::Flac, "it ends within its header"))?;
        if kind & 0x80 != 0 {
            return Ok(rest);
        }
    }
}
