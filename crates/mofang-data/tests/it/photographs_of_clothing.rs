//! The clothing photographs: an archive of JPEG files with its own three splits.

use std::sync::Arc;

use mofang_data::{
    Catalogue, DataLoader, DatasetStore, LoaderSettings, Pipeline, SplitName, SplitSettings,
};
use serde_json::json;

use mofang_types::testing::reference_data;

#[test]
fn the_official_splits_are_read_and_prepared() {
    let Some(mirror) = reference_data("vision/clothing-small-96") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = DatasetStore::new(folder.path().to_owned(), Catalogue::builtin().unwrap());
    store
        .pull("clothing-small-96", mirror.to_str(), &mut |_| ())
        .unwrap();
    let dataset = store
        .load("clothing-small-96", &SplitSettings::default())
        .unwrap();
    let removed = |split| {
        let removed = dataset.cleaning.removed.iter();
        removed.filter(|removed| removed.split == split).count()
    };
    for (split, size) in [
        (SplitName::Train, 3_068),
        (SplitName::Validation, 341),
        (SplitName::Test, 372),
    ] {
        let kept = dataset.split(split).unwrap().len();
        assert_eq!(kept + removed(split), size, "{split}");
        assert!(
            removed(split) < size / 50,
            "{split}: {:?}",
            dataset.cleaning
        );
    }
    let pipeline = Pipeline::from_json(&json!({
        "transforms": [
            {"type": "decode"}, {"type": "convert", "color": "rgb"},
            {"type": "resize", "shorter_side": 72}, {"type": "center_crop", "height": 64, "width": 64},
            {"type": "normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        ],
        "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 3}, {"type": "labels"}],
    }))
    .unwrap()
    .compile(&dataset.labels)
    .unwrap();
    let loader = DataLoader::new(
        Arc::clone(dataset.split(SplitName::Validation).unwrap()),
        Arc::new(pipeline),
        LoaderSettings {
            threads: 2,
            ..LoaderSettings::default()
        },
    )
    .unwrap();
    let epoch = |number| {
        let batches: Result<Vec<_>, _> = loader.epoch(number, 0).collect();
        batches.unwrap()
    };
    let first = epoch(0);
    assert_eq!(first[0].inputs.shape(), [64, 3, 64, 64]);
    // The second epoch comes from the pixels that the first one kept.
    assert_eq!(first, epoch(1));
}
