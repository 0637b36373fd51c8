//! The bill of materials of an imported package, in the form of `CycloneDX` 1.6 (ECMA-424).

use mofang_nn::NetworkSpec;
use mofang_types::{ArtifactDigest, ModelSignature};
use serde_json::{Value, json};

use crate::{ImportOptions, ImportReport};

/// Its path within a package.
pub const BILL_OF_MATERIALS_FILE: &str = "bill_of_materials.cdx.json";

/// What the package was made of: the original file and the weights that it became.
pub(crate) fn bill_of_materials(
    file_name: &str,
    options: &ImportOptions,
    report: &ImportReport,
    spec: &NetworkSpec,
    weights: &ArtifactDigest,
) -> Value {
    let hashes =
        |digest: &ArtifactDigest| json!([{ "alg": "SHA-256", "content": digest.to_string() }]);
    let input = spec.input.tensor_spec();
    let sizes: Vec<String> = input
        .shape
        .iter()
        .skip(1)
        .map(ToString::to_string)
        .collect();
    let signature = ModelSignature::of(&spec.input, report.task, spec.outputs);
    let output = signature.outputs.first().map_or("", |output| &output.name);
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
        "name": spec.architecture.name,
        "hashes": hashes(weights),
        "modelCard": {
            "modelParameters": {
                "task": report.task.name(),
                "architectureFamily": family(&spec.architecture.name),
                "modelArchitecture": spec.architecture.name,
                "inputs": [{ "format": format!("{} {} [{}]", input.dtype, input.name, sizes.join(", ")) }],
                "outputs": [{ "format": format!("f32 {} [{}]", output, spec.outputs) }],
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
        "recurrent" => "recurrent neural network",
        _ => "convolutional neural network",
    }
}
