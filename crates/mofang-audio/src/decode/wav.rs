//! The samples of a WAV file. They stand there as they are, so that no decoder is needed.

#![expect(
    clippy::cast_possible_truncation,
    clippy::as_conversions,
    reason = "samples are rounded to f32"
)]

use super::wav_header::{Encoding, Header};
use super::{g711, mix};
use crate::{AudioError, Waveform};

/// Samples that are converted at a time.
const BLOCK: usize = 4096;

pub(super) fn decode(bytes: &[u8]) -> Result<Waveform, AudioError> {
    let header = Header::read(bytes)?;
    let sample_bytes = header.encoding.bytes().max(1);
    let frame_bytes = sample_bytes.saturating_mul(header.channels).max(1);
    let frames = header.data.len().checked_div(frame_bytes).unwrap_or(0);
    let mut mono = Vec::with_capacity(frames);
    let mut block = Vec::with_capacity(BLOCK.saturating_mul(header.channels));
    for bytes in header.data.chunks(frame_bytes.saturating_mul(BLOCK)) {
        block.clear();
        convert(bytes, header.encoding, &mut block);
        mix::interleaved(&block, header.channels, &mut mono);
    }
    Waveform::new(header.sample_rate, mono)
}

/// Appends the samples; integers are divided by the size of their negative range.
fn convert(bytes: &[u8], encoding: Encoding, samples: &mut Vec<f32>) {
    const SCALE_8: f32 = 1.0 / 128.0;
    const SCALE_16: f32 = 1.0 / 32_768.0;
    const SCALE_32: f64 = 1.0 / 2_147_483_648.0;
    match encoding {
        Encoding::Integer(1) => {
            samples.extend(
                bytes
                    .iter()
                    .map(|byte| (f32::from(*byte) - 128.0) * SCALE_8),
            );
        }
        Encoding::Integer(2) => {
            let (values, _) = bytes.as_chunks::<2>();
            let value = |two: &[u8; 2]| f32::from(i16::from_le_bytes(*two)) * SCALE_16;
            samples.extend(values.iter().map(value));
        }
        Encoding::Integer(3) => {
            let (values, _) = bytes.as_chunks::<3>();
            let value =
                |[low, middle, high]: &[u8; 3]| i32::from_le_bytes([0, *low, *middle, *high]);
            samples.extend(
                values
                    .iter()
                    .map(|three| (f64::from(value(three)) * SCALE_32) as f32),
            );
        }
        Encoding::Integer(_) => {
            let (values, _) = bytes.as_chunks::<4>();
            let value = |four: &[u8; 4]| (f64::from(i32::from_le_bytes(*four)) * SCALE_32) as f32;
            samples.extend(values.iter().map(value));
        }
        Encoding::Float32 => {
            let (values, _) = bytes.as_chunks::<4>();
            samples.extend(values.iter().map(|four| f32::from_le_bytes(*four)));
        }
        Encoding::Float64 => {
            let (values, _) = bytes.as_chunks::<8>();
            samples.extend(values.iter().map(|eight| f64::from_le_bytes(*eight) as f32));
        }
        Encoding::ALaw => samples.extend(
            bytes
                .iter()
                .map(|byte| f32::from(g711::a_law(*byte)) * SCALE_16),
        ),
        Encoding::MuLaw => samples.extend(
            bytes
                .iter()
                .map(|byte| f32::from(g711::mu_law(*byte)) * SCALE_16),
        ),
    }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests build files of known sizes"
)]
mod tests {
    use super::*;
    use crate::SoundFormat;

    /// A WAV file of one format chunk and one data chunk.
    fn file(tag: u16, channels: u16, sample_rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let block = channels * bits.div_ceil(8);
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + data.len() as u32).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0");
        bytes.extend(tag.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(sample_rate.to_le_bytes());
        bytes.extend((sample_rate * u32::from(block)).to_le_bytes());
        bytes.extend(block.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn samples(tag: u16, bits: u16, data: &[u8]) -> Vec<f32> {
        let waveform = decode(&file(tag, 1, 8_000, bits, data)).unwrap();
        assert_eq!(waveform.sample_rate(), 8_000);
        waveform.into_samples()
    }

    #[test]
    fn every_encoding_gives_the_same_half() {
        let half = [0.5, -0.5];
        assert_eq!(samples(1, 8, &[192, 64]), half);
        assert_eq!(samples(1, 16, &[0x00, 0x40, 0x00, 0xc0]), half);
        assert_eq!(samples(1, 12, &[0x00, 0x40, 0x00, 0xc0]), half);
        assert_eq!(samples(1, 24, &[0, 0, 0x40, 0, 0, 0xc0]), half);
        assert_eq!(samples(1, 32, &[0, 0, 0, 0x40, 0, 0, 0, 0xc0]), half);
        let float: Vec<u8> = half.iter().flat_map(|x: &f32| x.to_le_bytes()).collect();
        assert_eq!(samples(3, 32, &float), half);
        let double: Vec<u8> = [0.5_f64, -0.5]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        assert_eq!(samples(3, 64, &double), half);
        assert_eq!(samples(6, 8, &[0xd5]), [8.0 / 32_768.0]);
        assert_eq!(samples(7, 8, &[0x80]), [32_124.0 / 32_768.0]);
    }

    #[test]
    fn channels_are_mixed_by_their_mean() {
        let stereo = file(
            1,
            2,
            44_100,
            16,
            &[0x00, 0x40, 0x00, 0x20, 0, 0, 0x00, 0xc0],
        );
        let waveform = decode(&stereo).unwrap();
        assert_eq!(waveform.sample_rate(), 44_100);
        assert_eq!(waveform.samples(), [0.375, -0.25]);
    }

    #[test]
    fn chunks_beside_the_sound_are_skipped_and_padded() {
        let plain = file(1, 1, 8_000, 16, &[0x00, 0x40]);
        let mut bytes = plain[..12].to_vec();
        bytes.extend(b"LIST\x03\0\0\0abc\0");
        bytes.extend(&plain[12..]);
        bytes.extend(b"LIST\x02\0\0\0ab");
        let size = (bytes.len() - 8) as u32;
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        assert_eq!(decode(&bytes).unwrap().samples(), [0.5]);
    }

    #[test]
    fn an_extensible_header_is_read() {
        let mut bytes = file(1, 1, 8_000, 16, &[0x00, 0x40]);
        let tail = bytes.split_off(36);
        bytes[16] = 40;
        bytes[20..22].copy_from_slice(&0xfffe_u16.to_le_bytes());
        bytes.extend([22, 0, 16, 0, 4, 0, 0, 0, 1, 0]);
        bytes.extend([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
        bytes.extend(tail);
        let size = (bytes.len() - 8) as u32;
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        assert_eq!(decode(&bytes).unwrap().samples(), [0.5]);
    }

    #[test]
    fn a_header_that_lies_is_refused_and_says_how() {
        let good = || file(1, 1, 8_000, 16, &[0; 64]);
        let with = |at: usize, bytes: &[u8]| {
            let mut file = good();
            file[at..at + bytes.len()].copy_from_slice(bytes);
            decode(&file).unwrap_err().to_string()
        };
        for (message, expected) in [
            (
                with(40, &100_000_u32.to_le_bytes()),
                "says that it has 100000 bytes, and 64 are there",
            ),
            (with(40, &u32::MAX.to_le_bytes()), "and 64 are there"),
            (
                with(4, &100_000_u32.to_le_bytes()),
                "tells of 100000 bytes, and 100 are there",
            ),
            (with(4, &u32::MAX.to_le_bytes()), "write it to a file"),
            (with(22, &[0, 0]), "no channels"),
            (with(22, &[0xff, 0xff]), "65535 channels"),
            (with(24, &[0; 4]), "a sample rate of 0 Hz"),
            (
                with(24, &u32::MAX.to_le_bytes()),
                "a sample rate of 4294967295 Hz",
            ),
            (with(32, &[7, 0]), "7 bytes for 1 samples of 16 bits"),
            (with(34, &[0, 0]), "format 1 with 0 bits"),
            (with(20, &[2, 0]), "convert it to PCM"),
            (with(36, b"junk"), "no chunk \"data\""),
            (with(12, b"junk"), "no chunk \"fmt \""),
            (
                with(40, &63_u32.to_le_bytes()),
                "no whole number of 2-byte frames",
            ),
        ] {
            assert!(message.contains(expected), "{message:?} lacks {expected:?}");
        }
        assert_eq!(
            decode(&file(1, 1, 8_000, 16, &[])),
            Err(AudioError::NoSound {
                format: SoundFormat::Wav
            })
        );
        let nan = file(3, 1, 8_000, 32, &f32::NAN.to_le_bytes());
        assert_eq!(decode(&nan), Err(AudioError::NotFinite { index: 0 }));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        // Ten minutes and one sample at 8 kHz, 8 bits.
        let long = file(1, 1, 8_000, 8, &vec![128; 4_800_001]);
        assert_eq!(
            decode(&long),
            Err(AudioError::TooLong {
                frames: 4_800_001,
                sample_rate: 8_000
            })
        );
    }
}
