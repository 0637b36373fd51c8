//! FLAC and MP3 files made by libsndfile: what they hold, and what damage does to them.

use mofang_audio::{AudioError, SoundFormat, Waveform, decode, encode_wav, sniff};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::chirp::{chirp, signal_to_noise};

const MONO_FLAC: &[u8] = include_bytes!("../files/mono-16.flac");
const STEREO_FLAC: &[u8] = include_bytes!("../files/stereo-24.flac");
const MONO_MP3: &[u8] = include_bytes!("../files/mono.mp3");
const STEREO_MP3: &[u8] = include_bytes!("../files/stereo.mp3");

/// The chirp as a WAV file of 16 bits.
fn wav() -> Vec<u8> {
    encode_wav(&Waveform::new(8_000, chirp(8_000, 200)).unwrap())
}

#[test]
fn files_hold_the_sound_that_was_put_into_them() {
    for (bytes, format, sample_rate, count, mixed, decibels) in [
        (MONO_FLAC, SoundFormat::Flac, 8_000, 1_600, 1.0, 80.0),
        (STEREO_FLAC, SoundFormat::Flac, 44_100, 2_205, 0.625, 120.0),
        (MONO_MP3, SoundFormat::Mp3, 16_000, 4_800, 1.0, 30.0),
        (STEREO_MP3, SoundFormat::Mp3, 44_100, 8_820, 0.625, 30.0),
    ] {
        assert_eq!(sniff(bytes), Some(format));
        let waveform = decode(bytes).unwrap();
        assert_eq!(waveform.sample_rate(), sample_rate);
        let expected: Vec<f32> = chirp(sample_rate, count)
            .iter()
            .map(|sample| sample * mixed)
            .collect();
        let measured = signal_to_noise(waveform.samples(), &expected);
        assert!(
            measured > decibels,
            "{format} at {sample_rate} Hz: {measured} dB"
        );
    }
}

#[test]
fn tags_around_an_mp3_are_skipped() {
    let mut tagged = b"ID3\x04\0\0\0\0\0\x05hello".to_vec();
    tagged.extend(MONO_MP3);
    tagged.extend(b"TAG");
    tagged.extend([b' '; 125]);
    assert_eq!(decode(&tagged).unwrap(), decode(MONO_MP3).unwrap());
}

#[test]
fn metadata_of_a_flac_is_not_read() {
    // A picture block that would be refused by a reader of pictures.
    let mut bytes = MONO_FLAC[..42].to_vec();
    bytes[4] = 0;
    bytes.extend(b"\x06\0\0\x04\xff\xff\xff\xff");
    bytes.extend(&MONO_FLAC[42..]);
    assert_eq!(decode(&bytes).unwrap(), decode(MONO_FLAC).unwrap());
}

#[test]
fn every_truncation_is_refused_without_a_panic() {
    for (name, whole) in [
        ("WAV", &wav()[..]),
        ("FLAC", MONO_FLAC),
        ("stereo FLAC", STEREO_FLAC),
        ("MP3", MONO_MP3),
        ("stereo MP3", STEREO_MP3),
    ] {
        assert!(decode(whole).is_ok(), "{name}");
        for length in 0..whole.len() {
            let result = decode(&whole[..length]);
            assert!(
                matches!(
                    result,
                    Err(AudioError::Empty
                        | AudioError::UnknownFormat(_)
                        | AudioError::Truncated { .. }
                        | AudioError::Damaged { .. })
                ),
                "{name}, length {length}: {result:?}"
            );
        }
    }
}

#[test]
fn no_single_wrong_byte_panics() {
    for whole in [&wav()[..], MONO_FLAC, STEREO_FLAC, MONO_MP3, STEREO_MP3] {
        for at in 0..whole.len() {
            for flip in [0xff, 0x01, 0x80] {
                let mut damaged = whole.to_vec();
                damaged[at] ^= flip;
                // Some damage is no error (a sample of a WAV); none is a panic.
                drop(decode(&damaged));
            }
        }
    }
}

#[test]
fn no_random_damage_panics() {
    let mut randomness = ChaCha8Rng::seed_from_u64(1);
    for whole in [&wav()[..], MONO_FLAC, STEREO_FLAC, MONO_MP3, STEREO_MP3] {
        for _ in 0..2_000 {
            let mut damaged = whole.to_vec();
            for _ in 0..randomness.random_range(1..=20) {
                let at = randomness.random_range(0..damaged.len());
                damaged[at] = randomness.random();
            }
            drop(decode(&damaged));
        }
    }
}

/// The checksum at the end of a FLAC frame (RFC 9639, section 9.3).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x8005
            }
        })
    })
}

#[test]
fn no_damage_that_a_flac_checksum_covers_up_panics() {
    let mut randomness = ChaCha8Rng::seed_from_u64(2);
    // The whole sound is one frame, from its synchronization code to the end of the file.
    let start = MONO_FLAC
        .windows(2)
        .rposition(|two| two == [0xff, 0xf8])
        .unwrap();
    let end = MONO_FLAC.len() - 2;
    assert_eq!(
        crc16(&MONO_FLAC[start..end]).to_be_bytes(),
        MONO_FLAC[end..]
    );
    let mut read = 0;
    for _ in 0..5_000 {
        let mut damaged = MONO_FLAC.to_vec();
        // Without the checksum of all samples, which would be wrong.
        damaged[26..42].fill(0);
        for _ in 0..randomness.random_range(1..=4) {
            // Half of it in the head of the subframe, where a decoder can be led astray.
            let reach = if randomness.random() {
                40
            } else {
                end - start - 7
            };
            let at = start + 7 + randomness.random_range(0..reach);
            damaged[at] = randomness.random();
        }
        let checksum = crc16(&damaged[start..end]).to_be_bytes();
        damaged[end..].copy_from_slice(&checksum);
        read += usize::from(decode(&damaged).is_ok());
    }
    assert!(
        read > 100,
        "{read} were read: the damage never got to the samples"
    );
}

#[test]
fn damaged_samples_of_a_flac_are_refused() {
    let sound = decode(MONO_FLAC).unwrap();
    let metadata_end = MONO_FLAC.len() - 1500;
    for at in metadata_end..MONO_FLAC.len() {
        let mut damaged = MONO_FLAC.to_vec();
        damaged[at] ^= 0x10;
        assert!(
            decode(&damaged).is_err() || decode(&damaged).is_ok_and(|other| other == sound),
            "byte {at}"
        );
    }
}

#[test]
fn a_flac_that_claims_hours_is_refused_by_its_header() {
    let mut bytes = MONO_FLAC.to_vec();
    // The last 36 bits of the eight bytes at 18 are the number of samples.
    bytes[21] |= 0x0f;
    assert!(matches!(decode(&bytes), Err(AudioError::TooLong { .. })));
}
