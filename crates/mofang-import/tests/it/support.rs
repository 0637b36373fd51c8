//! Files, and the answers of packages.

use std::fs;
use std::path::Path;

use mofang_host::Placement;
use mofang_import::{Import, ImportError, ImportFile, ImportOptions, ImportRequest, import};
use mofang_runtime::{Predictor, RuntimeSettings};
use mofang_types::{Package, Tensor};

/// A file of `tests/files`.
pub(crate) fn file(name: &str) -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/files")
            .join(name),
    )
    .unwrap()
}

pub(crate) fn try_import(
    file_name: &str,
    bytes: &[u8],
    options: &ImportOptions,
) -> Result<Import, ImportError> {
    import(&ImportRequest {
        files: &[ImportFile {
            name: file_name,
            bytes,
        }],
        options,
        created_unix_ms: 1_700_000_000_000,
        placement: &Placement::Here,
    })
}

/// The images that it takes.
pub(crate) fn image_shape(import: &Import) -> [usize; 3] {
    let input = import.report.input.as_ref().unwrap();
    input.image_shape().unwrap()
}

/// What the package, loaded as a server loads it, answers to x[i] = sin(0.01 i).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the formula is rounded to f32"
)]
pub(crate) fn logits(import: &Import) -> Vec<f32> {
    let package = Package {
        manifest: import.manifest.clone(),
        files: import.files.clone(),
    };
    let predictor = Predictor::load(&package, &RuntimeSettings::default()).unwrap();
    let shape = [&[1], image_shape(import).as_slice()].concat();
    let values = (0..shape.iter().product::<usize>())
        .map(|index| (0.01 * index as f64).sin() as f32)
        .collect();
    let image = Tensor::new(shape, values).unwrap();
    predictor.infer(&image).unwrap().into_data()
}

/// Logits less the logarithm of the sum of their exponentials, as `LogSoftmax` has it.
pub(crate) fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    logits
        .iter()
        .map(|logit| logit - largest - sum.ln())
        .collect()
}
