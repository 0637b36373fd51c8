//! The headers of MPEG audio frames of layer III (ISO/IEC 11172-3 section 2.4.1.3, 13818-3, and the
//! unofficial MPEG 2.5 for lower rates).

use crate::{AudioError, SoundFormat};

/// Kilobits a second of MPEG 1 and of MPEG 2 and 2.5; index 0 is "free", which is not read.
const BIT_RATES: [[u32; 15]; 2] = [
    [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// One frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) sample_rate: u32,
    pub(super) channels: usize,
    /// Samples of one channel in a frame.
    pub(super) samples: u64,
    /// Bytes of the frame, the header's four included.
    bytes: usize,
    /// Bytes between the header and the data, where an encoder leaves its notes in the first frame.
    side_bytes: usize,
}

impl FrameHeader {
    /// The header at the start of `bytes`, if there is one of layer III.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let [first, second, third, fourth] = *bytes.first_chunk::<4>()?;
        let layer_3 = second & 0x06 == 0x02;
        if first != 0xff || second & 0xe0 != 0xe0 || !layer_3 {
            return None;
        }
        let (first_version, divisor) = match (second >> 3) & 3 {
            0 => (false, 4),
            2 => (false, 2),
            3 => (true, 1),
            _ => return None,
        };
        let rate: u32 = match (third >> 2) & 3 {
            0 => 44_100,
            1 => 48_000,
            2 => 32_000,
            _ => return None,
        };
        let sample_rate = rate.checked_div(divisor)?;
        let [rates_1, rates_2] = &BIT_RATES;
        let rates = if first_version { rates_1 } else { rates_2 };
        let bit_rate = *rates
            .get(usize::from(third >> 4))
            .filter(|rate| **rate > 0)?;
        let slots: u32 = if first_version { 144_000 } else { 72_000 };
        let padding = u32::from((third >> 1) & 1);
        let bytes = slots
            .saturating_mul(bit_rate)
            .checked_div(sample_rate)?
            .saturating_add(padding);
        let mono = fourth >> 6 == 3;
        Some(Self {
            sample_rate,
            channels: if mono { 1 } else { 2 },
            samples: if first_version { 1152 } else { 576 },
            bytes: usize::try_from(bytes).ok()?,
            side_bytes: match (first_version, mono) {
                (true, false) => 32,
                (true, true) | (false, false) => 17,
                (false, true) => 9,
            },
        })
    }
}

/// The frames of a file.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    pub(super) header: FrameHeader,
    /// Frames with sound: all but the one with the encoder's notes.
    pub(super) count: u64,
    /// From the first frame to the end of the last.
    pub(super) bytes: &'a [u8],
}

impl<'a> Frames<'a> {
    /// Walks the frames to the last; tags before and after are skipped.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, AudioError> {
        let bytes = skip_tags(bytes)?;
        let header = FrameHeader::parse(bytes).ok_or_else(|| {
            AudioError::damaged(SoundFormat::Mp3, "no frame of layer III follows its tags")
        })?;
        let (mut count, mut at) = (0_u64, 0_usize);
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(frame) = FrameHeader::parse(rest) else {
                if is_end(rest) {
                    break;
                }
                return Err(AudioError::damaged(
                    SoundFormat::Mp3,
                    format!("no frame begins where frame {count} ends, at byte {at} of its sound"),
                ));
            };
            if (frame.sample_rate, frame.channels) != (header.sample_rate, header.channels) {
                return Err(AudioError::damaged(
                    SoundFormat::Mp3,
                    "its sample rate or its channels change on the way",
                ));
            }
            if frame.bytes > rest.len() {
                return Err(AudioError::truncated(
                    SoundFormat::Mp3,
                    format!("it ends within frame {count}"),
                ));
            }
            count = count.saturating_add(1);
            at = at.saturating_add(frame.bytes.max(1));
        }
        if let Some(notes) = header.notes(bytes) {
            count = count.saturating_sub(1);
            let expected = frames_noted(notes).unwrap_or(0);
            if count < u64::from(expected) {
                return Err(AudioError::truncated(
                    SoundFormat::Mp3,
                    format!("its header tells of {expected} frames, and {count} are there"),
                ));
            }
        }
        Ok(Self {
            header,
            count,
            bytes: bytes.get(..at).unwrap_or_default(),
        })
    }
}

impl FrameHeader {
    /// The encoder's notes ("Xing", for a constant rate "Info") if the first frame has them.
    fn notes<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let notes = bytes.get(self.side_bytes.saturating_add(4)..)?;
        (notes.starts_with(b"Xing") || notes.starts_with(b"Info")).then_some(notes)
    }
}

/// The number of frames, if the encoder noted it.
fn frames_noted(notes: &[u8]) -> Option<u32> {
    const HAS_FRAMES: u32 = 1;
    let number = |at: usize| {
        let four = notes.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*four))
    };
    number(8).filter(|_| number(4).is_some_and(|flags| flags & HAS_FRAMES != 0))
}

/// Skips `ID3v2` tags (ten bytes of header, whose last four hold seven bits of the size each) and zeros.
fn skip_tags(bytes: &[u8]) -> Result<&[u8], AudioError> {
    let mut rest = bytes;
    while rest.starts_with(b"ID3") {
        let cut_off = || AudioError::truncated(SoundFormat::Mp3, "it ends within its tags");
        let size = rest
            .get(6..10)
            .ok_or_else(cut_off)?
            .iter()
            .fold(0_usize, |size, byte| (size << 7) | usize::from(byte & 0x7f));
        let has_footer = rest.get(5).is_some_and(|flags| flags & 0x10 != 0);
        let length = size.saturating_add(if has_footer { 20 } else { 10 });
        rest = rest.get(length..).ok_or_else(cut_off)?;
    }
    let zeros = rest.iter().take_while(|byte| **byte == 0).count();
    Ok(rest.get(zeros..).unwrap_or_default())
}

/// Whether what follows the last frame is nothing, zeros or a tag.
fn is_end(rest: &[u8]) -> bool {
    const TAGS: [&[u8]; 4] = [b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3"];
    TAGS.iter().any(|tag| rest.starts_with(tag)) || rest.iter().all(|byte| *byte == 0)
}
