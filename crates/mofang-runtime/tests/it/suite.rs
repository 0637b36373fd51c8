//! What every runtime does, on a package of its kind.

use mofang_runtime::{LoadedModel, Runtime, RuntimeSettings, runtimes};
use mofang_types::testing::assert_close;
use mofang_types::{Coded as _, ErrorCode, Package, Tensor};

use crate::support;

/// Every runtime with a package that it loads.
fn cases() -> Vec<(&'static dyn Runtime, Package)> {
    let cases: Vec<(&'static str, Package)> = vec![
        ("native", support::package().unwrap()),
        ("onnx", support::onnx_package()),
        ("trees", support::trees_package()),
    ];
    let names: Vec<&str> = cases.iter().map(|(name, _)| *name).collect();
    let known: Vec<&str> = runtimes::all()
        .iter()
        .map(|runtime| runtime.name())
        .collect();
    assert_eq!(names, known, "a runtime has no package to be tested with");
    runtimes::all()
        .iter()
        .copied()
        .zip(cases.into_iter().map(|(_, package)| package))
        .collect()
}

/// A batch of inputs that differ.
fn batch(package: &Package, count: usize) -> Tensor {
    let mut shape = vec![count];
    shape.extend(
        package.manifest.signature.inputs[0]
            .example_shape()
            .unwrap(),
    );
    let length: usize = shape.iter().product();
    let values = (0..length).map(|index| f32::from(u8::try_from(index % 251).unwrap()) / 125.0);
    Tensor::new(shape, values.map(|value| value - 1.0).collect()).unwrap()
}

#[test]
fn a_package_goes_to_the_runtime_that_accepts_it() {
    for (runtime, package) in cases() {
        assert!(runtime.accepts(&package.manifest));
        let chosen = runtimes::for_package(&package.manifest).unwrap();
        assert_eq!(chosen.name(), runtime.name());
        assert!(!runtime.summary().is_empty());
    }
    let (_, mut foreign) = cases().remove(0);
    foreign.manifest.architecture.name = "architecture_of_tomorrow".to_owned();
    let error = runtimes::for_package(&foreign.manifest).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert!(
        error.to_string().contains("architecture_of_tomorrow"),
        "{error}"
    );
}

#[test]
fn a_rows_answer_does_not_depend_on_its_batch() {
    for (runtime, package) in cases() {
        let model = runtime.load(&package, &RuntimeSettings::default()).unwrap();
        let batch = batch(&package, 5);
        let together = model.infer(&batch).unwrap();
        let rows = together.unstack();
        assert_eq!(rows.len(), 5);
        for (input, row) in batch.unstack().into_iter().zip(rows) {
            let alone = model
                .infer(&Tensor::stack([&input].into_iter()).unwrap())
                .unwrap();
            assert_close(alone.data(), row.data(), 1e-5);
        }
    }
}

#[test]
fn threads_share_a_model() {
    for (runtime, package) in cases() {
        let model = runtime.load(&package, &RuntimeSettings::default()).unwrap();
        let batch = batch(&package, 3);
        let expected = model.infer(&batch).unwrap();
        let answers: Vec<Tensor> = std::thread::scope(|scope| {
            let ask = || model.infer(&batch).unwrap();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(answers, vec![expected; 4]);
    }
}

#[test]
fn wrong_batches_are_refused() {
    for (runtime, package) in cases() {
        let model: Box<dyn LoadedModel> =
            runtime.load(&package, &RuntimeSettings::default()).unwrap();
        let good = batch(&package, 2);
        let mut shapes = vec![good.shape()[1..].to_vec(), vec![2, 1], vec![]];
        let mut empty = good.shape().to_vec();
        empty[0] = 0;
        shapes.push(empty);
        for shape in shapes {
            let length = shape.iter().product();
            let bad = Tensor::new(shape.clone(), vec![0.0; length]).unwrap();
            let error = model.infer(&bad).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidInput, "{shape:?}: {error}");
        }
        assert!(model.size_bytes() > 0);
    }
}
