//! Packages to try things on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mofang_artifacts::{ArtifactStore, PackageDraft};
use mofang_types::{
    ArchitectureSpec, ArtifactDigest, MANIFEST_FORMAT_VERSION, ModelSignature, PackageManifest,
    Provenance, Task,
};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

pub(crate) fn draft(files: &[(&str, &[u8])]) -> PackageDraft {
    PackageDraft {
        manifest: PackageManifest {
            format_version: MANIFEST_FORMAT_VERSION,
            task: Task::ImageClassification,
            architecture: ArchitectureSpec {
                name: "lenet".to_owned(),
                config: serde_json::json!({}),
            },
            signature: ModelSignature::image_classifier([1, 8, 8], 10),
            input: None,
            pipeline: serde_json::json!({ "transforms": [], "decoders": [] }),
            labels: (0..10).map(|digit| digit.to_string()).collect(),
            metrics: BTreeMap::from([("accuracy".to_owned(), 0.98)]),
            provenance: Provenance::default(),
            description: String::new(),
            created_unix_ms: 1,
            files: Vec::new(),
        },
        files: files
            .iter()
            .map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()))
            .collect(),
    }
}

pub(crate) fn open(folder: &Path) -> ArtifactStore {
    ArtifactStore::open(&folder.display().to_string()).expect("a folder can be opened")
}

pub(crate) fn random_bytes(rng: &mut ChaCha8Rng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

pub(crate) fn blob_file(folder: &Path, digest: &ArtifactDigest) -> PathBuf {
    let text = digest.to_string();
    folder.join("sha256").join(&text[..2]).join(text)
}
