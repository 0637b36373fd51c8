//! A registry in a folder, and packages to publish.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mofang_artifacts::{ArtifactStore, PackageDraft};
use mofang_registry::{Actor, PublishRequest, Registry};
use mofang_store::{AuditFilter, Page, SqliteStore, Store};
use mofang_types::{
    ArchitectureSpec, ArtifactDigest, Clock, IdGenerator, MANIFEST_FORMAT_VERSION, ModelReference,
    ModelSignature, PackageManifest, Provenance, SystemClock, Task, WEIGHTS_FILE,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// A registry over what lies in `folder`, as a process that has just started opens it.
pub(crate) async fn open(folder: &Path) -> Registry {
    let store = SqliteStore::open(&folder.join("mofang.db"), clock())
        .await
        .expect("a database");
    open_over(Arc::new(store), folder).await
}

pub(crate) async fn open_over(store: Arc<dyn Store>, folder: &Path) -> Registry {
    let location = folder.join("artifacts").display().to_string();
    let artifacts = Arc::new(ArtifactStore::open(&location).expect("a folder"));
    let rng = ChaCha8Rng::seed_from_u64(u64::from(std::process::id()));
    let ids = Arc::new(IdGenerator::new(Box::new(rng)));
    Registry::open(store, artifacts, clock(), ids)
        .await
        .expect("a registry")
}

pub(crate) fn reference(text: &str) -> ModelReference {
    text.parse().expect("a reference")
}

/// A package whose bytes follow from `content`.
pub(crate) fn draft(content: u8) -> PackageDraft {
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
            metrics: BTreeMap::from([("accuracy".to_owned(), f64::from(content) / 256.0)]),
            provenance: Provenance::default(),
            description: String::new(),
            created_unix_ms: 1,
            files: Vec::new(),
        },
        files: BTreeMap::from([
            (WEIGHTS_FILE.to_owned(), vec![content; 50_000]),
            ("labels.txt".to_owned(), vec![content; 500]),
        ]),
    }
}

pub(crate) fn request(content: u8, aliases: &[&str]) -> PublishRequest {
    let mut request = PublishRequest::new(
        "digits".parse().expect("a name"),
        draft(content),
        Actor::local(),
    );
    request.aliases = aliases
        .iter()
        .map(|alias| alias.parse().expect("an alias"))
        .collect();
    request
}

pub(crate) fn blob_file(folder: &Path, digest: &ArtifactDigest) -> PathBuf {
    let text = digest.to_string();
    folder.join("artifacts/sha256").join(&text[..2]).join(text)
}

/// How many acts of this name were recorded.
pub(crate) async fn audited(registry: &Registry, action: &str) -> usize {
    let filter = AuditFilter {
        action: Some(action.to_owned()),
        ..AuditFilter::default()
    };
    let page = registry
        .store()
        .list_audit(&filter, &Page::first(1_000))
        .await
        .expect("the audit log");
    page.items.len()
}

/// What REL-2 asks after a restart: every version is whole, nothing else is left after a
/// collection of garbage, and every version has its audit entry. Returns the numbers, ascending.
pub(crate) async fn check_whole(registry: &Registry, folder: &Path) -> Vec<u32> {
    let model = "digits".parse().expect("a name");
    let mut numbers = Vec::new();
    let mut needed = BTreeSet::new();
    let mut page = Page::first(100);
    loop {
        let part = registry.versions(&model, &page).await.expect("versions");
        for record in part.items {
            let route = registry
                .resolve(&reference(&format!("digits@{}", record.number)))
                .expect("a version that is there can be resolved");
            let package = registry
                .load_package(&route)
                .await
                .expect("a whole package");
            let accuracy = package.manifest.metrics["accuracy"];
            let weights = &package.files[WEIGHTS_FILE];
            assert!(
                (f64::from(weights[0]) / 256.0 - accuracy).abs() < 1e-12,
                "version {} has the weights of another",
                record.number
            );
            needed.insert(route.package_digest);
            needed.extend(package.manifest.files.iter().map(|file| file.digest));
            numbers.push(record.number);
        }
        match part.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    numbers.reverse();
    let report = registry
        .collect_garbage(Duration::ZERO)
        .await
        .expect("garbage is collected");
    assert!(report.unreadable_packages.is_empty());
    let left: BTreeSet<String> = files(&folder.join("artifacts"));
    let expected: BTreeSet<String> = needed.iter().map(ToString::to_string).collect();
    assert_eq!(left, expected, "orphans are left, or something is missing");
    numbers
}

/// The names of all files below `folder`, whatever they are.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            names.extend(files(&entry.path()));
        } else {
            names.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names
}
