//! The bill of materials of an imported package, in the form of `CycloneDX` 1.6 (ECMA-424).

use mofang_types::{ArtifactDigest, Dimension, ModelSignature, TensorSpec};
use serde_json::{Value, json};

use crate::{ImportOptions, ImportReport};

/// Its path within a package.
pub const BILL_OF_MATERIALS_FILE: &str = "bill_of_materials.cdx.json";

/// What a package is made of.
#[derive(Debug)]
pub(crate) struct Materials<'a> {
    pub(crate) file_name: &'a str,
    pub(crate) options: &'a ImportOptions,
    pub(crate) report: &'a ImportReport,
    /// The digest of the weights within the package.
    pub(crate) weights: ArtifactDigest,
}

/// The element type, name and sizes of each tensor, without the batch.
fn formats(specs: &[TensorSpec]) -> Vec<Value> {
    let format = |spec: &TensorSpec| {
        let sizes: Vec<String> = spec
            .shape
            .iter()
            .skip(1)
            .map(Dimension::to_string)
            .collect();
        json!({ "format": format!("{} {} [{}]", spec.dtype, spec.name, sizes.join(", ")) })
    };
    specs.iter().map(format).collect()
}

/// What the package was made of: the original file and the weights that it became.
pub(crate) fn bill_of_materials(materials: &Materials<'_>) -> Value {
    let Materials {
        file_name,
        options,
        report,
        weights,
    } = materials;
    let ModelSignature { inputs, outputs } = &report.signature;
    let hashes =
        |digest: &ArtifactDigest| json!([{ "alg": "SHA-256", "content": digest.to_string() }]);
    let mut original = json!({
        "type": "file",
        "bom-ref": "original",
        "name": file_name,
        "hashes": hashes(&report.source_digest),
        "properties": [
            { "name": "mofang:format", "value": report.format.to_string() },
            { "name": "mofang:size_bytes", "value": report.source_size_bytes.to_string() },
        ],
    });
    let mut model = json!({
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": report.architecture.name,
        "hashes": hashes(weights),
        "modelCard": {
            "modelParameters": {
                "task": report.task.name(),
                "architectureFamily": family(&report.architecture.name),
                "modelArchitecture": report.architecture.name,
                "inputs": formats(inputs),
                "outputs": formats(outputs),
            },
        },
    });
    if let Some(license) = &options.license {
        let licenses = json!([{ "expression": license }]);
        model["licenses"] = licenses.clone();
        original["licenses"] = licenses;
    }
    if let Some(source) = &options.source {
        original["externalReferences"] = json!([{ "type": "distribution", "url": source }]);
    }
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": { "components": [{
                "type": "application", "name": "mofang", "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": model,
        },
        "components": [original],
        "dependencies": [{ "ref": "model", "dependsOn": ["original"] }],
    })
}

/// What kind of network an architecture is.
fn family(architecture: &str) -> &'static str {
    match architecture {
        "bert" | "gpt2" | "llama" | "vit" => "transformer",
        "onnx" => "graph",
        "recurrent" => "recurrent neural network",
        _ => "convolutional neural network",
    }
}
