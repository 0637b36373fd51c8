//! Features and resampling against torchaudio's numbers (`tests/golden/make_golden.py`).

use mofang_audio::{MelSettings, MelSpectrogram, Mfcc, MfccSettings, Waveform, resample};
use mofang_types::testing::assert_close;
use serde_json::Value;

use crate::chirp::chirp;

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/torchaudio.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap() as f32)
        .collect()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn sound(sample_rate: &Value, samples: &Value) -> Waveform {
    let sample_rate = u32::try_from(number(sample_rate)).unwrap();
    Waveform::new(sample_rate, chirp(sample_rate, number(samples))).unwrap()
}

#[test]
fn features_are_those_of_torchaudio() {
    for case in golden()["features"].as_array().unwrap() {
        let waveform = sound(&case["sample_rate"], &case["samples"]);
        let mel: MelSettings = serde_json::from_value(case["settings"].clone()).unwrap();
        let features = match case["n_mfcc"].as_u64() {
            None => {
                let spectrogram = MelSpectrogram::new(&mel, waveform.sample_rate()).unwrap();
                spectrogram.compute(&waveform).unwrap()
            }
            Some(n_mfcc) => {
                let n_mfcc = usize::try_from(n_mfcc).unwrap();
                let settings = MfccSettings { n_mfcc, mel };
                let mfcc = Mfcc::new(&settings, waveform.sample_rate()).unwrap();
                mfcc.compute(&waveform).unwrap()
            }
        };
        assert_eq!(
            (features.bands(), features.frames()),
            (number(&case["bands"]), number(&case["frames"])),
            "{}",
            case["name"]
        );
        assert_close(features.values(), &numbers(&case["values"]), 1e-5);
    }
}

#[test]
fn resampling_is_that_of_torchaudio() {
    for case in golden()["resampled"].as_array().unwrap() {
        let waveform = sound(&case["from"], &case["samples"]);
        let sample_rate = u32::try_from(number(&case["to"])).unwrap();
        let resampled = resample(&waveform, sample_rate).unwrap();
        assert_close(resampled.samples(), &numbers(&case["values"]), 2e-6);
    }
}
