//! The card of a version.

use std::fmt::Write as _;

use mofang_types::{PackageManifest, TensorSpec};
use serde_json::Value;

use super::{aligned, outline, row, section};
use crate::backend::CardView;
use crate::time_text;

/// How many labels are listed.
const LABELS_MAX: usize = 20;

/// The card of a version: what it does, how well, how to feed it, where it comes from.
pub(crate) fn card(card: &CardView) -> String {
    let version = &card.version;
    let mut text = format!("{}@{}", version.model, version.version);
    for alias in &card.aliases {
        let _ = write!(text, ", {}@{alias}", version.model);
    }
    text.push('\n');
    let manifest: Option<PackageManifest> = card
        .manifest
        .as_ref()
        .and_then(|manifest| serde_json::from_value(manifest.clone()).ok());
    if let Some(manifest) = &manifest
        && !manifest.description.is_empty()
    {
        text.push_str(&manifest.description);
        text.push('\n');
    }

    let status = match &version.status_reason {
        Some(reason) => format!("{}: {reason}", version.status),
        None => version.status.clone(),
    };
    let published = format!(
        "{} by {}",
        time_text::rfc3339(version.created_unix_ms),
        version.created_by
    );
    let mut facts = vec![
        row(["status", &status]),
        row(["task", &version.task]),
        row(["size", &time_text::size(version.size_bytes)]),
        row(["published", &published]),
    ];
    if !version.note.is_empty() {
        facts.push(row(["note", &version.note]));
    }
    for (key, value) in &version.tags {
        facts.push(row(["tag", &format!("{key}={value}")]));
    }
    facts.push(row(["package", &version.package_digest]));
    text.push('\n');
    text.push_str(&aligned(&facts));

    let metrics: Vec<Vec<String>> = version
        .metrics
        .iter()
        .map(|(name, value)| row([name, &format!("{value:.4}")]))
        .collect();
    if !metrics.is_empty() {
        section(&mut text, "metrics on the test split", &aligned(&metrics));
    }
    match (&manifest, &card.manifest) {
        (Some(manifest), _) => manifest_sections(&mut text, manifest),
        // Of a format that this version does not know.
        (None, Some(unknown)) => section(&mut text, "manifest", &outline(unknown)),
        (None, None) => {}
    }
    text
}

fn manifest_sections(text: &mut String, manifest: &PackageManifest) {
    let signature = &manifest.signature;
    let inputs = signature.inputs.iter().map(|spec| tensor("input", spec));
    let outputs = signature.outputs.iter().map(|spec| tensor("output", spec));
    let mut model: Vec<Vec<String>> = inputs.chain(outputs).collect();
    let architecture = format!(
        "{} {}",
        manifest.architecture.name, manifest.architecture.config
    );
    model.push(row(["architecture", &architecture]));
    if !manifest.labels.is_empty() {
        model.push(row(["labels", &labels(&manifest.labels)]));
    }
    section(text, "model", &aligned(&model));

    let mut steps = String::new();
    for part in ["transforms", "decoders"] {
        if part == "decoders" {
            steps.push_str("(the model)\n");
        }
        for step in manifest
            .pipeline
            .get(part)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            steps.push_str(&pipeline_step(step));
            steps.push('\n');
        }
    }
    section(text, "pipeline", &steps);

    let provenance = &manifest.provenance;
    let mut origin = Vec::new();
    if let Some(run) = &provenance.run_id {
        origin.push(row(["run", run]));
    }
    if let Some(parent) = &provenance.parent {
        origin.push(row(["initial weights", parent]));
    }
    for (split, digest) in &provenance.dataset_digests {
        origin.push(row([split, &digest.to_string()]));
    }
    for (name, digest) in &provenance.source_files {
        origin.push(row([name, &digest.to_string()]));
    }
    origin.push(row(["code version", &provenance.code_version]));
    section(text, "provenance", &aligned(&origin));

    let files: Vec<Vec<String>> = manifest
        .files
        .iter()
        .map(|file| {
            row([
                &file.path,
                &time_text::size(file.size_bytes),
                &file.digest.to_string(),
            ])
        })
        .collect();
    section(text, "files", &aligned(&files));
}

fn tensor(role: &str, spec: &TensorSpec) -> Vec<String> {
    let shape: Vec<String> = spec.shape.iter().map(ToString::to_string).collect();
    row([
        role,
        &format!("{} {} [{}]", spec.name, spec.dtype, shape.join(", ")),
    ])
}

fn labels(labels: &[String]) -> String {
    let shown = labels
        .iter()
        .take(LABELS_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match labels.len().saturating_sub(LABELS_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `resize height=8 width=8`.
fn pipeline_step(step: &Value) -> String {
    let mut text = step
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    for (key, value) in step.as_object().into_iter().flatten() {
        if key != "type" {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let _ = write!(text, " {key}={value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_is_one_line() {
        let step = json!({"type": "normalize", "mean": [0.5], "std": [0.25]});
        assert_eq!(pipeline_step(&step), "normalize mean=[0.5] std=[0.25]");
    }

    #[test]
    fn many_labels_are_cut() {
        let many: Vec<String> = (0..23).map(|label| label.to_string()).collect();
        assert!(labels(&many).ends_with(", 19 and 3 more"));
    }
}
