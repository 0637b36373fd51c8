//! The Free Spoken Digit Dataset, where its archive is.

use mofang_data::{Catalogue, DatasetStore, Pipeline, SplitName, SplitSettings};
use mofang_types::ModelInput;
use mofang_types::testing::reference_data;
use serde_json::json;

#[test]
fn the_official_split_is_read_and_every_recording_prepared() {
    let Some(archive) = reference_data("speech/fsdd/fsdd-recordings.tar.gz") else {
        return;
    };
    let datasets = archive.ancestors().nth(2).unwrap().to_owned();
    let store = DatasetStore::new(datasets, Catalogue::builtin().unwrap());
    let settings = SplitSettings {
        validation_fraction: 0.1,
        ..SplitSettings::default()
    };
    let dataset = store.load("fsdd", &settings).unwrap();
    assert_eq!(dataset.cleaning.examined, 3_000);
    let sizes: Vec<usize> = dataset.splits.values().map(|split| split.len()).collect();
    assert_eq!(
        sizes.iter().sum::<usize>() + dataset.cleaning.removed.len(),
        3_000
    );
    let test = dataset.split(SplitName::Test).unwrap();
    assert_eq!(test.len(), 300);
    for class in 0..10 {
        let of_class = test
            .examples()
            .iter()
            .filter(|example| example.target.class() == Some(class));
        assert_eq!(of_class.count(), 30);
    }
    let pipeline = Pipeline::from_json(&json!({
        "transforms": [
            {"type": "decode_audio"},
            {"type": "resample_audio", "sample_rate": 8000},
            {"type": "pad_or_trim", "seconds": 1.0},
            {"type": "log_mel", "n_fft": 256, "hop_length": 128, "n_mels": 40},
            {"type": "standardize_features"},
        ],
        "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 3}, {"type": "labels"}],
    }))
    .unwrap();
    let fitted = pipeline
        .fit(dataset.split(SplitName::Train).unwrap())
        .unwrap();
    let compiled = fitted.pipeline.compile(&dataset.labels).unwrap();
    assert_eq!(compiled.input(), Some(ModelInput::image([1, 40, 63])));
    for example in test.examples() {
        let tensor = compiled.prepare(&example.input).unwrap();
        assert!(tensor.data().iter().all(|value| value.abs() < 20.0));
    }
}
