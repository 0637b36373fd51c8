//! What was found in an imported file.

use mofang_import::ImportReport;
use mofang_types::{Task, TensorSpec};

use super::{aligned, row};

/// Longest configuration that is shown.
const CONFIGURATION_LENGTH_MAX: usize = 120;

/// The name, type and sizes of a tensor.
fn tensor(spec: &TensorSpec) -> String {
    let sizes: Vec<String> = spec.shape.iter().map(ToString::to_string).collect();
    format!("{} {} [{}]", spec.name, spec.dtype, sizes.join(", "))
}

/// The format, the network and the shapes.
pub(crate) fn import_report(report: &ImportReport) -> String {
    let place = if report.place.is_empty() {
        String::new()
    } else {
        format!(", weights under \"{}\"", report.place)
    };
    let config = &report.architecture.config;
    let config = match config.as_object() {
        None => String::new(),
        Some(options) if options.is_empty() => String::new(),
        Some(options) => {
            let options: Vec<String> = options
                .iter()
                .map(|(name, value)| match value.as_array() {
                    Some(items) => format!("{name}: {} items", items.len()),
                    None => format!("{name}: {value}"),
                })
                .collect();
            let text: String = options
                .join(", ")
                .chars()
                .take(CONFIGURATION_LENGTH_MAX)
                .collect();
            format!(" ({text})")
        }
    };
    let tensors = |specs: &[TensorSpec]| {
        let specs: Vec<String> = specs.iter().map(tensor).collect();
        specs.join(", ")
    };
    let takes = match &report.input {
        Some(input) => input.to_string(),
        None => tensors(&report.signature.inputs),
    };
    let gives = match report.task {
        Task::Embedding => format!("an embedding of {} numbers", report.outputs),
        Task::Tensor => tensors(&report.signature.outputs),
        Task::AudioClassification
        | Task::ImageClassification
        | Task::TabularClassification
        | Task::TabularRegression
        | Task::TextClassification => format!("{} classes", report.outputs),
        Task::SpeechRecognition => format!("{} symbols at each step", report.outputs),
        Task::TextGeneration => format!("texts of {} tokens", report.outputs),
    };
    aligned(&[
        row(["format", &format!("{}{place}", report.format)]),
        row([
            "architecture",
            &format!("{}{config}", report.architecture.name),
        ]),
        row(["task", report.task.name()]),
        row(["takes", &takes]),
        row(["gives", &gives]),
        row(["parameters", &report.parameters.to_string()]),
        row(["digest", &report.source_digest.to_string()]),
    ])
}
