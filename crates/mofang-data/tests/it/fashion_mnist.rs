//! Fashion-MNIST: pulled from a folder, verified, read, and fed through the loader.

use std::fs;
use std::sync::Arc;

use mofang_data::{
    Catalogue, DataError, DataLoader, DatasetStatus, DatasetStore, LoaderSettings, Pipeline,
    SplitName, SplitSettings,
};
use serde_json::json;

use mofang_types::testing::reference_data;

#[test]
fn the_whole_dataset_is_pulled_read_and_batched() {
    let Some(mirror) = reference_data("vision/fashion-mnist") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = DatasetStore::new(folder.path().to_owned(), Catalogue::builtin().unwrap());
    let status = |store: &DatasetStore| store.show("fashion-mnist").unwrap().1;
    assert_eq!(status(&store), DatasetStatus::Absent);
    let mut last = 0;
    store
        .pull("fashion-mnist", mirror.to_str(), &mut |progress| {
            last = progress.received_bytes;
        })
        .unwrap();
    assert_eq!(last, 5_148);
    assert_eq!(status(&store), DatasetStatus::Present);
    store.verify("fashion-mnist").unwrap();

    let settings = SplitSettings {
        validation_fraction: 0.1,
        seed: 42,
        ..SplitSettings::default()
    };
    let dataset = store.load("fashion-mnist", &settings).unwrap();
    let sizes: usize = dataset.splits.values().map(|split| split.len()).sum();
    assert_eq!(sizes + dataset.cleaning.removed.len(), 70_000);
    assert_eq!(dataset.cleaning.examined, 70_000);
    assert!(dataset.cleaning.removed.len() < 100);
    // The first training image is an ankle boot, the first of the test images, too.
    let first = &dataset.split(SplitName::Test).unwrap().examples()[0];
    assert_eq!(dataset.labels[first.target.class().unwrap()], "Ankle boot");

    let pipeline = Pipeline::from_json(&json!({
        "transforms": [
            {"type": "decode"}, {"type": "convert", "color": "grayscale"},
            {"type": "resize", "height": 28, "width": 28},
            {"type": "normalize", "mean": [0.2860], "std": [0.3530]},
        ],
        "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 3}, {"type": "labels"}],
    }))
    .unwrap()
    .compile(&dataset.labels)
    .unwrap();
    let loader = DataLoader::new(
        Arc::clone(dataset.split(SplitName::Train).unwrap()),
        Arc::new(pipeline),
        LoaderSettings {
            batch_size: 128,
            shuffle: true,
            threads: 2,
            ..LoaderSettings::default()
        },
    )
    .unwrap();
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for batch in loader.epoch(0, 0) {
        for value in batch.unwrap().inputs.data() {
            sum += f64::from(*value);
            squares += f64::from(*value) * f64::from(*value);
            count += 1.0;
        }
    }
    // The published mean and standard deviation are of the whole training set.
    let mean: f64 = sum / count;
    assert!(mean.abs() < 0.01, "mean {mean}");
    let deviation = (squares / count - mean * mean).sqrt();
    assert!((deviation - 1.0).abs() < 0.01, "deviation {deviation}");

    // A damaged file is named, and pulling again mends it.
    let path = folder
        .path()
        .join("fashion-mnist/t10k-labels-idx1-ubyte.gz");
    let mut bytes = fs::read(&path).unwrap();
    bytes[2_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(
        store.verify("fashion-mnist"),
        Err(DataError::WrongDigest { .. })
    ));
    assert!(matches!(
        store.load("fashion-mnist", &settings),
        Err(DataError::WrongDigest { .. })
    ));
    store
        .pull("fashion-mnist", mirror.to_str(), &mut |_| ())
        .unwrap();
    store.verify("fashion-mnist").unwrap();
}
