//! The recipes of this repository.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_data::{Catalogue, DatasetStore, PipelineFiles};
use mofang_nn::DeviceChoice;
use mofang_train::{NoObserver, Recipe, Resume, TrainOutcome, TrainRequest, train};
use mofang_types::SystemClock;
use mofang_types::testing::reference_data;

fn recipe(name: &str) -> Recipe {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../recipes")
        .join(name);
    Recipe::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn run(recipe: Recipe, datasets: PathBuf) -> TrainOutcome {
    let store = DatasetStore::new(datasets, Catalogue::builtin().unwrap());
    let dataset = store
        .load(&recipe.data.dataset, &recipe.data.split)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    train(TrainRequest {
        recipe,
        dataset: Arc::new(dataset),
        run_dir: folder.path().to_owned(),
        resume: Resume::Fresh,
        initial_weights: None,
        pipeline_files: PipelineFiles::new(),
        device: DeviceChoice::Cpu,
        clock: Arc::new(SystemClock::new()),
        stop: Arc::new(AtomicBool::new(false)),
        observer: &mut NoObserver,
    })
    .unwrap()
}

#[test]
fn every_recipe_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap();
            assert_eq!(recipe(&format!("{name}.toml")).model.name, name);
            count += 1;
        }
    }
    assert!(count >= 2);
}

#[test]
fn the_digits_recipe_passes_its_gate() {
    let outcome = run(recipe("digits.toml"), PathBuf::from("none"));
    assert!(outcome.gate.is_passed(), "{:?}", outcome.gate.refusal());
    assert!(outcome.evaluation.unwrap().metrics["accuracy"] >= 0.975);
}

#[test]
#[ignore = "minutes; needs the recordings of FSDD"]
fn the_recipe_of_spoken_digits_passes_its_gate() {
    let Some(archive) = reference_data("speech/fsdd/fsdd-recordings.tar.gz") else {
        return;
    };
    let datasets = archive.ancestors().nth(2).unwrap().to_owned();
    let outcome = run(recipe("fsdd-keywords.toml"), datasets);
    assert!(outcome.gate.is_passed(), "{:?}", outcome.gate.refusal());
}

#[test]
#[ignore = "a quarter of an hour; needs the files of Fashion-MNIST"]
fn the_fashion_mnist_recipe_passes_its_gate() {
    let Some(folder) = reference_data("vision/fashion-mnist") else {
        return;
    };
    let datasets = folder.parent().unwrap().to_owned();
    let outcome = run(recipe("fashion-mnist.toml"), datasets);
    assert!(outcome.gate.is_passed(), "{:?}", outcome.gate.refusal());
}

#[test]
#[ignore = "a quarter of an hour; needs the files of Fashion-MNIST"]
fn the_recipe_that_reads_rows_passes_its_gate() {
    let Some(folder) = reference_data("vision/fashion-mnist") else {
        return;
    };
    let datasets = folder.parent().unwrap().to_owned();
    let outcome = run(recipe("fashion-mnist-gru.toml"), datasets);
    assert!(outcome.gate.is_passed(), "{:?}", outcome.gate.refusal());
}
