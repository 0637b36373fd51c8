//! What differs between two versions.

use std::fmt::Write as _;

use mofang_registry::{TensorChange, ValueChange, VersionDiff, WeightsDiff};
use serde_json::Value;

use super::{aligned, row, section};

/// What differs between two versions; what is equal is named on one line.
pub(crate) fn diff(diff: &VersionDiff) -> String {
    let mut text = format!("{} → {}\n", diff.from, diff.to);
    let mut metrics = vec![row(["METRIC", &diff.from, &diff.to, "DIFFERENCE"])];
    for change in &diff.metrics {
        metrics.push(row([
            &change.name,
            &number(change.from),
            &number(change.to),
            &change
                .difference
                .map_or_else(|| "-".to_owned(), |value| format!("{value:+.4}")),
        ]));
    }
    if metrics.len() > 1 {
        section(&mut text, "metrics", &aligned(&metrics));
    }
    let mut equal = Vec::new();
    for (name, changes) in [
        ("recipe", &diff.recipe),
        ("pipeline", &diff.pipeline),
        ("architecture", &diff.architecture),
        ("labels", &diff.labels),
        ("data", &diff.data),
    ] {
        if changes.is_empty() {
            equal.push(name);
        } else {
            let rows: Vec<Vec<String>> = changes.iter().map(value_change).collect();
            section(&mut text, name, &aligned(&rows));
        }
    }
    match &diff.weights {
        Some(weights) if weights.identical => equal.push("weights"),
        Some(weights) => section(&mut text, "weights", &weights_table(weights)),
        None => {}
    }
    if !equal.is_empty() {
        let _ = writeln!(text, "\nequal in both: {}", equal.join(", "));
    }
    text
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

fn value_change(change: &ValueChange) -> Vec<String> {
    let side = |value: &Option<Value>| {
        value.as_ref().map_or_else(
            || "(absent)".to_owned(),
            |value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            },
        )
    };
    row([
        &change.path,
        &format!("{} → {}", side(&change.from), side(&change.to)),
    ])
}

fn weights_table(weights: &WeightsDiff) -> String {
    let mut rows = vec![row([
        "TENSOR",
        "SHAPE",
        "NORM BEFORE",
        "NORM AFTER",
        "MOVED",
    ])];
    rows.extend(
        weights
            .tensors
            .iter()
            .filter(|tensor| tensor.relative_change != Some(0.0))
            .map(tensor_row),
    );
    let unchanged = weights.tensors.len() + 1 - rows.len();
    let mut text = aligned(&rows);
    if unchanged > 0 {
        let _ = writeln!(text, "and {unchanged} that did not move");
    }
    text
}

fn tensor_row(tensor: &TensorChange) -> Vec<String> {
    let shape = |shape: &Option<Vec<usize>>| {
        shape
            .as_ref()
            .map_or_else(|| "(absent)".to_owned(), |shape| format!("{shape:?}"))
    };
    let shapes = if tensor.shape_from == tensor.shape_to {
        shape(&tensor.shape_to)
    } else {
        format!(
            "{} → {}",
            shape(&tensor.shape_from),
            shape(&tensor.shape_to)
        )
    };
    let moved = tensor.relative_change.map_or_else(
        || "-".to_owned(),
        |change| format!("{:.1} %", change * 100.0),
    );
    row([
        &tensor.name,
        &shapes,
        &number(tensor.norm_from),
        &number(tensor.norm_to),
        &moved,
    ])
}
