//! The chunks of a WAV file (Multimedia Programming Interface and Data Specifications 1.0, IBM and
//! Microsoft 1991; `WAVEFORMATEXTENSIBLE` of 2001), checked against the bytes that are there.

use crate::{AudioError, SoundFormat, limits};

/// How a sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Integers of so many bytes; one byte is unsigned.
    Integer(usize),
    /// `f32`.
    Float32,
    /// `f64`.
    Float64,
    /// G.711 A-law.
    ALaw,
    /// G.711 µ-law.
    MuLaw,
}

impl Encoding {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Integer(bytes) => bytes,
            Self::Float32 => 4,
            Self::Float64 => 8,
            Self::ALaw | Self::MuLaw => 1,
        }
    }
}

/// What the header says, checked.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) sample_rate: u32,
    pub(super) channels: usize,
    pub(super) encoding: Encoding,
    /// Whole frames, at least one.
    pub(super) data: &'a [u8],
}

/// What the `fmt ` chunk says.
#[derive(Debug, Clone, Copy)]
struct Format {
    sample_rate: u32,
    channels: u16,
    encoding: Encoding,
}

impl<'a> Header<'a> {
    /// Walks the chunks.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, AudioError> {
        let riff_size = u32_at(bytes, 4).ok_or_else(cut_off)?;
        let present = bytes.len().saturating_sub(8);
        if riff_size == u32::MAX {
            return Err(AudioError::damaged(
                SoundFormat::Wav,
                "its header gives no size, as one written to a pipe; write it to a file",
            ));
        }
        // Some writers count a padding byte at the end that they do not write.
        if to_usize(riff_size) > present.saturating_add(1) {
            return Err(AudioError::truncated(
                SoundFormat::Wav,
                format!("its header tells of {riff_size} bytes, and {present} are there"),
            ));
        }
        let (mut format, mut data) = (None, None);
        let mut rest = bytes.get(12..).unwrap_or_default();
        // What is left after the sound is not looked at.
        while data.is_none() && !rest.is_empty() {
            let kind = rest.get(..4).ok_or_else(cut_off)?;
            let size = to_usize(u32_at(rest, 4).ok_or_else(cut_off)?);
            let after = rest.get(8..).unwrap_or_default();
            let body = after.get(..size).ok_or_else(|| {
                AudioError::truncated(
                    SoundFormat::Wav,
                    format!(
                        "its chunk {:?} says that it has {size} bytes, and {} are there",
                        String::from_utf8_lossy(kind),
                        after.len()
                    ),
                )
            })?;
            match kind {
                b"fmt " => format = Some(Format::read(body)?),
                b"data" => data = Some(body),
                _ => {}
            }
            // Chunks are padded to an even size.
            let padded = size.saturating_add(size & 1);
            rest = after.get(padded..).unwrap_or_default();
        }
        let format = format.ok_or_else(|| missing("fmt "))?;
        let data = data.ok_or_else(|| missing("data"))?;
        format.check(data)
    }
}

fn cut_off() -> AudioError {
    AudioError::truncated(SoundFormat::Wav, "it ends within a header")
}

fn missing(chunk: &str) -> AudioError {
    AudioError::damaged(
        SoundFormat::Wav,
        format!("it has no chunk \"{chunk}\" where one has to be"),
    )
}

impl Format {
    fn read(body: &[u8]) -> Result<Self, AudioError> {
        let damaged = |reason: String| AudioError::damaged(SoundFormat::Wav, reason);
        let fields = || {
            Some((
                u16_at(body, 0)?,
                u16_at(body, 2)?,
                u32_at(body, 4)?,
                u16_at(body, 12)?,
                u16_at(body, 14)?,
            ))
        };
        let (tag, channels, sample_rate, block_bytes, bits) = fields()
            .ok_or_else(|| damaged(format!("its format chunk has {} bytes, not 16", body.len())))?;
        if channels == 0 {
            return Err(damaged(
                "its header says that it has no channels".to_owned(),
            ));
        }
        if channels > limits::CHANNELS_MAX {
            return Err(AudioError::unsupported(
                SoundFormat::Wav,
                format!(
                    "it has {channels} channels; at most {} are accepted",
                    limits::CHANNELS_MAX
                ),
            ));
        }
        limits::check_sample_rate(sample_rate)?;
        let encoding = encoding(true_tag(tag, body), bits)?;
        let expected = encoding.bytes().saturating_mul(usize::from(channels));
        if usize::from(block_bytes) != expected {
            return Err(damaged(format!(
                "its header says {block_bytes} bytes for {channels} samples of {bits} bits"
            )));
        }
        Ok(Self {
            sample_rate,
            channels,
            encoding,
        })
    }

    fn check(self, data: &[u8]) -> Result<Header<'_>, AudioError> {
        let channels = usize::from(self.channels);
        let frame_bytes = self.encoding.bytes().saturating_mul(channels).max(1);
        let frames = data.len().checked_div(frame_bytes).unwrap_or(0);
        if data.len() != frames.saturating_mul(frame_bytes) {
            return Err(AudioError::damaged(
                SoundFormat::Wav,
                format!(
                    "its {} bytes of sound are no whole number of {frame_bytes}-byte frames",
                    data.len()
                ),
            ));
        }
        if frames == 0 {
            return Err(AudioError::NoSound {
                format: SoundFormat::Wav,
            });
        }
        let count = u64::try_from(frames).unwrap_or(u64::MAX);
        limits::check_duration(count, self.sample_rate)?;
        Ok(Header {
            sample_rate: self.sample_rate,
            channels,
            encoding: self.encoding,
            data,
        })
    }
}

/// The format tag, which an extensible header keeps at the start of a GUID.
fn true_tag(tag: u16, body: &[u8]) -> u16 {
    const EXTENSIBLE: u16 = 0xfffe;
    const GUID_TAIL: [u8; 14] = [
        0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71,
    ];
    if tag == EXTENSIBLE && body.get(26..40) == Some(&GUID_TAIL[..]) {
        u16_at(body, 24).unwrap_or(tag)
    } else {
        tag
    }
}

fn encoding(tag: u16, bits: u16) -> Result<Encoding, AudioError> {
    match (tag, bits) {
        // Odd depths stand in whole bytes, the lowest bits zero.
        (1, 1..=32) => Ok(Encoding::Integer(usize::from(bits.div_ceil(8)))),
        (3, 32) => Ok(Encoding::Float32),
        (3, 64) => Ok(Encoding::Float64),
        (6, 8) => Ok(Encoding::ALaw),
        (7, 8) => Ok(Encoding::MuLaw),
        _ => Err(AudioError::unsupported(
            SoundFormat::Wav,
            format!(
                "samples of format {tag} with {bits} bits are not accepted; convert it to PCM of 16 bits"
            ),
        )),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_le_bytes(*two))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*four))
}

fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
