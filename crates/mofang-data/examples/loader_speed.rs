//! How fast Fashion-MNIST is read and batched, on one thread. `cargo run --release -p mofang-data
//! --example loader_speed FOLDER`, where `FOLDER/fashion-mnist` has the pulled files.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mofang_data::augmentations::{RandomCrop, RandomHorizontalFlip, RandomRotation};
use mofang_data::{
    Augmentation, Catalogue, DataLoader, DatasetStore, LoaderSettings, Pipeline, SplitName,
    SplitSettings,
};
use mofang_types::{Clock as _, SystemClock};
use serde_json::json;

#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or("name the folder that has fashion-mnist/ in it")?;
    let store = DatasetStore::new(PathBuf::from(folder), Catalogue::builtin()?);
    let clock = SystemClock::new();
    let mut last = clock.monotonic();
    let mut lap = || {
        let now = clock.monotonic();
        now.saturating_sub(std::mem::replace(&mut last, now))
    };
    let dataset = store.load("fashion-mnist", &SplitSettings::default())?;
    println!("load, clean, split and digest: {:?}", lap());
    for (reason, count) in dataset.cleaning.counts() {
        println!("  removed as {reason:?}: {count}");
    }
    let pipeline = Pipeline::from_json(&json!({
        "transforms": [
            {"type": "decode"}, {"type": "convert", "color": "grayscale"},
            {"type": "resize", "height": 28, "width": 28},
            {"type": "normalize", "mean": [0.2860], "std": [0.3530]},
        ],
        "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 3}, {"type": "labels"}],
    }))?;
    let pipeline = Arc::new(pipeline.compile(&dataset.labels)?);
    let crop = Augmentation::RandomCrop(RandomCrop { padding: 2 });
    let flip = Augmentation::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 });
    let rotation = Augmentation::RandomRotation(RandomRotation { degrees: 10.0 });
    for (name, augmentations) in [
        ("none", Vec::new()),
        ("crop and flip", vec![crop.clone(), flip.clone()]),
        ("crop, flip and rotation", vec![crop, flip, rotation]),
    ] {
        let loader = DataLoader::new(
            Arc::clone(dataset.split(SplitName::Train)?),
            Arc::clone(&pipeline),
            LoaderSettings {
                batch_size: 128,
                shuffle: true,
                augmentations,
                ..LoaderSettings::default()
            },
        )?;
        lap();
        let mut batches = 0;
        for batch in loader.epoch(0, 0) {
            batch?;
            batches += 1;
        }
        let each: Duration = lap() / batches.max(1);
        println!("a batch of 128, augmented by {name}: {each:?}");
    }
    Ok(())
}
