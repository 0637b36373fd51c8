//! What was found in an imported file.

use mofang_import::ImportReport;
use mofang_types::TensorSpec;

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
    let mut rows = vec![
        row(["format", &format!("{}{place}", report.format)]),
        row([
            "architecture",
            &format!("{}{config}", report.architecture.name),
        ]),
    ];
    if let Some([channels, height, width]) = report.image_shape {
        rows.push(row(["images", &format!("{channels}×{height}×{width}")]));
    } else {
        for (name, specs) in [
            ("input", &report.signature.inputs),
            ("output", &report.signature.outputs),
        ] {
            rows.extend(specs.iter().map(|spec| row([name, &tensor(spec)])));
        }
    }
    if let Some(classes) = report.classes {
        rows.push(row(["classes", &classes.to_string()]));
    }
    rows.push(row(["parameters", &report.parameters.to_string()]));
    rows.push(row(["digest", &report.source_digest.to_string()]));
    aligned(&rows)
}
