//! Which operators of a model the engine does not run, found before anything runs.

use std::fmt;

use rten::{LoadErrorKind, ModelOptions};

use super::guard::guarded;
use crate::error::excerpt;
use crate::file::{AttributeValue, Node};
use crate::limits::UNSUPPORTED_MAX;
use crate::wire::{bytes_field, varint_field};
use crate::{OnnxError, OnnxFile};

/// An operator that the engine does not run, or not as this model uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedOperator {
    /// The domain; the standard one is `""`.
    pub domain: String,
    /// The name, e.g. `Einsum`.
    pub name: String,
    /// The version of the domain's operators that the model uses.
    pub opset_version: Option<i64>,
    /// How many nodes are refused for this reason.
    pub nodes: usize,
    /// One of them.
    pub example: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for UnsupportedOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.domain.is_empty() {
            write!(f, "{}.", self.domain)?;
        }
        f.write_str(&self.name)?;
        if let Some(version) = self.opset_version {
            write!(f, " of opset {version}")?;
        }
        write!(f, ": {} ({}", self.reason, self.example)?;
        match self.nodes {
            1 => f.write_str(")"),
            nodes => write!(f, " and {} more)", nodes.saturating_sub(1)),
        }
    }
}

/// The operators of a model that the engine does not run, at most [`UNSUPPORTED_MAX`] of them; none
/// when it runs all.
///
/// The engine is asked about every node by itself, with its attributes: nothing is computed.
///
/// # Errors
/// When the engine breaks off over a node.
pub fn unsupported_operators(file: &OnnxFile<'_>) -> Result<Vec<UnsupportedOperator>, OnnxError> {
    let mut options = ModelOptions::with_all_ops();
    options.enable_optimization(false);
    let mut found: Vec<UnsupportedOperator> = Vec::new();
    let mut failure = None;
    file.graph.visit(&mut |node| {
        if failure.is_some() {
            return;
        }
        match refusal(file, node, &options) {
            Ok(Some(reason)) => note(&mut found, file, node, reason),
            Ok(None) => {}
            Err(error) => failure = Some(error),
        }
    });
    failure.map_or(Ok(found), Err)
}

/// Why the engine does not run a node.
fn refusal(
    file: &OnnxFile<'_>,
    node: &Node<'_>,
    options: &ModelOptions,
) -> Result<Option<String>, OnnxError> {
    if file.functions.contains(&(node.domain, node.operator)) {
        return Ok(Some(
            "it is a function that the model defines itself; export the model with its functions \
             inlined"
                .to_owned(),
        ));
    }
    if node.operator == "Constant" && !node.domain.is_empty() {
        return Ok(Some(MISSING.to_owned()));
    }
    if let Some(reason) = wrong_results(node) {
        return Ok(Some(reason.to_owned()));
    }
    let model = model_of_one(file, node);
    guarded("load", || match options.load(model) {
        Ok(_) => Ok(None),
        Err(error) if error.kind() == LoadErrorKind::OperatorInvalid => {
            let text = error.to_string();
            // The nodes of a graph within it are asked about by themselves.
            Ok((!text.contains("subgraph error")).then(|| reason(&text)))
        }
        Err(error) => Ok(Some(excerpt(&error.to_string()))),
    })
}

const MISSING: &str = "it is not among the operators that there are";

/// What the engine says of a node, in our words.
fn reason(text: &str) -> String {
    let said = text
        .split_once("operator error: ")
        .map_or(text, |parts| parts.1);
    if said.contains("operator not supported") {
        MISSING.to_owned()
    } else {
        excerpt(said)
    }
}

/// Uses of operators that the engine accepts and computes otherwise than the specification says,
/// found by the backend suites. What can be said in other nodes is in `rewrite.rs`.
fn wrong_results(node: &Node<'_>) -> Option<&'static str> {
    if !node.domain.is_empty() {
        return None;
    }
    let text = |name: &str| AttributeValue::find(node.bytes, name)?.text;
    let padded = || {
        AttributeValue::find(node.bytes, "pads")
            .is_some_and(|pads| pads.integers.iter().any(|pad| *pad != 0))
    };
    match node.operator {
        _ if text("auto_pad") == Some("SAME_LOWER") => {
            Some("the engine pads the end where the model pads the beginning (SAME_LOWER)")
        }
        "ConvInteger" if padded() => Some("the engine pads with 0 in place of the zero point"),
        "BitCast" => Some("the engine's elements do not have the bits that the model's have"),
        "NonMaxSuppression" => {
            Some("the engine compares boxes of different classes and images with each other")
        }
        "Resize" if text("mode") == Some("cubic") => {
            Some("the engine interpolates linearly where the mode is cubic")
        }
        "SequenceInsert" if node.inputs.len() > 2 => {
            Some("the engine counts negative positions differently")
        }
        _ => None,
    }
}

/// A model of nothing but this node.
fn model_of_one(file: &OnnxFile<'_>, node: &Node<'_>) -> Vec<u8> {
    let mut graph = Vec::with_capacity(node.bytes.len().saturating_add(16));
    bytes_field(1, node.bytes, &mut graph);
    let mut model = Vec::with_capacity(graph.len().saturating_add(64));
    varint_field(1, 8, &mut model);
    for import in &file.opset_import_bytes {
        bytes_field(8, import, &mut model);
    }
    bytes_field(7, &graph, &mut model);
    model
}

fn note(
    found: &mut Vec<UnsupportedOperator>,
    file: &OnnxFile<'_>,
    node: &Node<'_>,
    reason: String,
) {
    let same = found.iter_mut().find(|other| {
        other.domain == node.domain && other.name == node.operator && other.reason == reason
    });
    if let Some(other) = same {
        other.nodes = other.nodes.saturating_add(1);
    } else if found.len() < UNSUPPORTED_MAX {
        found.push(UnsupportedOperator {
            domain: excerpt(node.domain),
            name: excerpt(node.operator),
            opset_version: file.description().opset_version(node.domain),
            nodes: 1,
            example: node.title(),
            reason,
        });
    }
}
