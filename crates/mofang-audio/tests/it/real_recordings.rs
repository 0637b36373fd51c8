//! Real recordings: spoken digits (WAV in a tar), read sentences (FLAC) and utterances of several
//! sources, where they are.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use mofang_audio::{
    MelSettings, MelSpectrogram, SilenceSettings, Waveform, decode, resample, trim_silence,
};
use mofang_types::testing::reference_data;

/// Takes a recording the whole way to features, and gives its seconds.
fn features(waveform: &Waveform) -> f64 {
    let at_16_khz = resample(waveform, 16_000).unwrap();
    let trimmed = trim_silence(&at_16_khz, &SilenceSettings::default()).unwrap();
    assert!(trimmed.samples().len() <= at_16_khz.samples().len());
    let spectrogram = MelSpectrogram::new(&MelSettings::default(), 16_000).unwrap();
    let features = spectrogram.compute(&trimmed).unwrap();
    assert!(features.values().iter().all(|value| value.is_finite()));
    waveform.duration_seconds()
}

/// Reads every sound of an archive: its sample rate, and its seconds.
fn read_archive(archive: impl Read) -> Vec<(u32, f64)> {
    let mut found = Vec::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if path.extension().is_none() {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        found.push(read(&path, &bytes));
    }
    found
}

fn read(path: &Path, bytes: &[u8]) -> (u32, f64) {
    let waveform = decode(bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (waveform.sample_rate(), features(&waveform))
}

#[test]
fn all_spoken_digits_are_read() {
    let Some(path) = reference_data("speech/fsdd/fsdd-recordings.tar.gz") else {
        return;
    };
    let found = read_archive(GzDecoder::new(File::open(path).unwrap()));
    assert_eq!(found.len(), 3_000);
    assert!(found.iter().all(|(sample_rate, _)| *sample_rate == 8_000));
    // The sum that the description of the data gives.
    let seconds: f64 = found.iter().map(|(_, seconds)| seconds).sum();
    assert!((seconds - 1_312.0).abs() < 1.0, "{seconds} s");
}

#[test]
fn read_sentences_in_flac_are_read() {
    let Some(path) = reference_data("speech/ljspeech16/ljspeech16-flac.tar") else {
        return;
    };
    let found = read_archive(File::open(path).unwrap());
    assert_eq!(found.len(), 16);
    for (sample_rate, seconds) in found {
        assert_eq!(sample_rate, 22_050);
        assert!((1.0..12.0).contains(&seconds), "{seconds} s");
    }
}

/// Reads every file of a folder and its folders with one of the extensions.
fn read_all(folder: &Path, extension: &str) -> Vec<(u32, f64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(read_all(&path, extension));
        } else if path.extension().is_some_and(|actual| actual == extension) {
            found.push(read(&path, &std::fs::read(&path).unwrap()));
        }
    }
    found
}

#[test]
fn utterances_of_several_sources_are_read() {
    let Some(folder) = reference_data("speech/asr-samples") else {
        return;
    };
    let found = read_all(&folder, "wav");
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|(sample_rate, _)| *sample_rate == 16_000));
}
