//! What the registry costs with 10 000 versions in it: opening, a page of a listing, resolving.
//!
//! `cargo run --release -p mofang-registry --example registry_scale [versions]`
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use mofang_artifacts::ArtifactStore;
use mofang_registry::Registry;
use mofang_store::{ModelRepository as _, NewAuditEntry, NewVersion, Page, SqliteStore};
use mofang_types::{ArtifactDigest, Clock, IdGenerator, ModelReference, SystemClock, Task};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

const VERSIONS_PER_MODEL: u32 = 100;
const PAGE_ROUNDS: usize = 200;
const RESOLVE_ROUNDS: usize = 100_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let versions: u32 = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => 10_000,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let ids = Arc::new(IdGenerator::new(Box::new(ChaCha8Rng::seed_from_u64(1))));
    let folder = tempfile::tempdir()?;
    let store =
        Arc::new(SqliteStore::open(&folder.path().join("mofang.db"), Arc::clone(&clock)).await?);
    let start = clock.monotonic();
    fill(&store, &ids, clock.as_ref(), versions).await?;
    println!(
        "{versions} versions published in {:.1?}",
        clock.monotonic().saturating_sub(start)
    );

    let start = clock.monotonic();
    let artifacts = Arc::new(ArtifactStore::in_memory());
    let registry = Registry::open(store, artifacts, Arc::clone(&clock), ids).await?;
    println!("opened in {:.1?}", clock.monotonic().saturating_sub(start));

    let models = versions / VERSIONS_PER_MODEL;
    let mut listing = Vec::with_capacity(PAGE_ROUNDS);
    let mut within = Vec::with_capacity(PAGE_ROUNDS);
    let middle = format!("model-{:05}", models / 2);
    for _ in 0..PAGE_ROUNDS {
        let page = Page {
            after: Some(middle.clone()),
            limit: 100,
        };
        let start = clock.monotonic();
        let found = registry.list_models(&page).await?;
        listing.push(clock.monotonic().saturating_sub(start));
        let start = clock.monotonic();
        registry
            .versions(&middle.parse()?, &Page::first(100))
            .await?;
        within.push(clock.monotonic().saturating_sub(start));
        if found.items.is_empty() && models > 2 {
            return Err("the page is empty".into());
        }
    }
    show("a page of models (up to 100)", listing);
    show("a page of 100 versions", within);

    let references: Vec<ModelReference> = (0..models)
        .map(|model| format!("model-{model:05}@production").parse())
        .collect::<Result<_, _>>()?;
    let mut resolving = Vec::with_capacity(RESOLVE_ROUNDS);
    for reference in references.iter().cycle().take(RESOLVE_ROUNDS) {
        let start = clock.monotonic();
        let route = registry.resolve(reference)?;
        resolving.push(clock.monotonic().saturating_sub(start));
        std::hint::black_box(route);
    }
    show("resolving an alias", resolving);
    Ok(())
}

async fn fill(
    store: &SqliteStore,
    ids: &IdGenerator,
    clock: &dyn Clock,
    versions: u32,
) -> Result<(), Box<dyn Error>> {
    for index in 0..versions {
        let now = clock.now_unix_ms();
        let model = format!("model-{:05}", index / VERSIONS_PER_MODEL);
        let audit = NewAuditEntry {
            id: ids.next(now),
            at_unix_ms: now,
            actor_id: None,
            actor: "local".to_owned(),
            action: "version.publish".to_owned(),
            subject: model.clone(),
            details: serde_json::Value::Null,
        };
        let version = NewVersion {
            id: ids.next(now),
            model: model.parse()?,
            model_id: ids.next(now),
            package_digest: ArtifactDigest::of(&index.to_le_bytes()),
            task: Task::ImageClassification,
            metrics: BTreeMap::from([("accuracy".to_owned(), 0.98)]),
            size_bytes: 1,
            tags: BTreeMap::new(),
            aliases: vec!["production".parse()?],
            created_unix_ms: now,
            created_by: "local".to_owned(),
            note: String::new(),
        };
        store.insert_version(version, audit).await?;
    }
    Ok(())
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get((times.len() - 1) * share / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{what}: p50 {:.1?}, p99 {:.1?}, max {:.1?}",
        at(50),
        at(99),
        at(100)
    );
}
