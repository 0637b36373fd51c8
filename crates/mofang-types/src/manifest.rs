//! The manifest of a package: everything about a version but its bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ArtifactDigest, ModelInput, ModelSignature, Task, UnixMillis};

/// The version of the manifest's format that this code writes and the highest that it reads.
pub const MANIFEST_FORMAT_VERSION: u32 = 1;

/// The path of the weights within a package.
pub const WEIGHTS_FILE: &str = "model.safetensors";

/// The path of an ONNX model within a package.
pub const ONNX_FILE: &str = "model.onnx";

/// The path of an ensemble of trees within a package.
pub const ENSEMBLE_FILE: &str = "model.json";

/// Which architecture the weights belong to, and how it is configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchitectureSpec {
    /// The name of the architecture, e.g. `resnet`.
    pub name: String,
    /// Its configuration, with the architecture's own schema.
    pub config: Value,
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageFile {
    /// The path within the package: relative, `/` between parts, no `..`.
    pub path: String,
    /// The SHA-256 of the file.
    pub digest: ArtifactDigest,
    /// Its size.
    pub size_bytes: u64,
}

/// Where a version comes from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provenance {
    /// The recipe as it was run, as TOML text.
    pub recipe: Option<String>,
    /// The run that made the version.
    pub run_id: Option<String>,
    /// The digest of each split that was read, by `dataset:split`.
    pub dataset_digests: BTreeMap<String, ArtifactDigest>,
    /// The version of Mofang that made it.
    pub code_version: String,
    /// The version whose weights training began from, e.g. `digits@1`.
    pub parent: Option<String>,
    /// Name and digest of the file that the weights were taken from, when imported.
    pub source_files: BTreeMap<String, ArtifactDigest>,
}

/// Everything about a version but its bytes: what it does, how to feed it, how to read it, and
/// where it comes from. Stored as JSON; its digest is the identity of the version's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageManifest {
    /// [`MANIFEST_FORMAT_VERSION`] at the time of writing.
    pub format_version: u32,
    /// What the model does.
    pub task: Task,
    /// The graph, by name and configuration.
    pub architecture: ArchitectureSpec,
    /// Inputs and outputs.
    pub signature: ModelSignature,
    /// What the graph was built for, where the signature does not tell all of it; images need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<ModelInput>,
    /// The transforms and decoders, in the schema of `mofang-data`; opaque here.
    pub pipeline: Value,
    /// The labels of the classes, by index.
    pub labels: Vec<String>,
    /// The metrics on the test split, by name.
    pub metrics: BTreeMap<String, f64>,
    /// Where it comes from.
    pub provenance: Provenance,
    /// A sentence or more for people.
    #[serde(default)]
    pub description: String,
    /// When it was made.
    pub created_unix_ms: UnixMillis,
    /// The files, sorted by path.
    pub files: Vec<PackageFile>,
}

impl PackageManifest {
    /// What the graph was built for: as the manifest says, or the image that the signature's single
    /// input is. None for anything else.
    pub fn model_input(&self) -> Option<ModelInput> {
        self.input.clone().or_else(|| {
            let [input] = self.signature.inputs.as_slice() else {
                return None;
            };
            let shape = <[usize; 3]>::try_from(input.example_shape()?).ok()?;
            Some(ModelInput::image(shape))
        })
    }

    /// The file at `path`.
    pub fn file(&self, path: &str) -> Option<&PackageFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// A package in memory: the manifest and the bytes of every file that it lists, verified.
#[derive(Debug, Clone)]
pub struct Package {
    /// The manifest.
    pub manifest: PackageManifest,
    /// The files by path.
    pub files: BTreeMap<String, Vec<u8>>,
}
