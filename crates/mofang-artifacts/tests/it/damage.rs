//! REL-4: bytes that are not what their digest says are found at load.

use std::path::PathBuf;

use mofang_artifacts::{ArtifactError, ArtifactStore, StoredPackage};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::support::{blob_file, draft, open, random_bytes};

async fn package(store: &ArtifactStore, rng: &mut ChaCha8Rng) -> StoredPackage {
    let weights = random_bytes(rng, 100_000);
    let card = random_bytes(rng, 3_000);
    store
        .write_package(draft(&[
            ("model.safetensors", &weights),
            ("card.md", &card),
        ]))
        .await
        .expect("a package can be written")
}

/// The files of the package on disk: the manifest, then its files.
fn blobs(folder: &std::path::Path, stored: &StoredPackage) -> Vec<PathBuf> {
    std::iter::once(&stored.digest)
        .chain(stored.manifest.files.iter().map(|file| &file.digest))
        .map(|digest| blob_file(folder, digest))
        .collect()
}

async fn flip_and_truncate(flips: u32, truncations: u32, seed: u64) {
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let stored = package(&store, &mut rng).await;
    let blobs = blobs(folder.path(), &stored);
    let mut found = 0;
    for round in 0..flips + truncations {
        let blob = &blobs[rng.random_range(0..blobs.len())];
        let whole = std::fs::read(blob).expect("a blob");
        let mut damaged = whole.clone();
        if round < flips {
            let bit = rng.random_range(0..damaged.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
        } else {
            damaged.truncate(rng.random_range(0..whole.len()));
        }
        std::fs::write(blob, &damaged).expect("a damaged blob");
        match store.read_package(&stored.digest).await {
            Err(ArtifactError::Corrupt { digest, .. }) => {
                assert!(
                    blob.ends_with(digest.to_string()),
                    "the wrong blob is named"
                );
                found += 1;
            }
            other => panic!("round {round}: damage was not found: {other:?}"),
        }
        std::fs::write(blob, &whole).expect("a mended blob");
    }
    assert_eq!(found, flips + truncations);
    assert!(store.read_package(&stored.digest).await.is_ok());
}

#[tokio::test]
async fn rel_4_flipped_bits_and_truncations_are_found_at_load() {
    flip_and_truncate(200, 40, 4).await;
}

#[tokio::test]
#[ignore = "long: the full count of the bar"]
async fn rel_4_a_thousand_flipped_bits_and_a_hundred_truncations_are_found_at_load() {
    flip_and_truncate(1_000, 100, process_seed()).await;
}

fn process_seed() -> u64 {
    u64::from(std::process::id())
}

#[tokio::test]
async fn rel_4_swapped_blobs_are_found_at_load() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let packages = [
        package(&store, &mut rng).await,
        package(&store, &mut rng).await,
    ];
    let pairs = blobs(folder.path(), &packages[0])
        .into_iter()
        .zip(blobs(folder.path(), &packages[1]));
    for (first, second) in pairs {
        let bytes = [
            std::fs::read(&first).unwrap(),
            std::fs::read(&second).unwrap(),
        ];
        std::fs::write(&first, &bytes[1]).unwrap();
        std::fs::write(&second, &bytes[0]).unwrap();
        for stored in &packages {
            let error = store.read_package(&stored.digest).await.unwrap_err();
            assert!(matches!(error, ArtifactError::Corrupt { .. }), "{error}");
        }
        std::fs::write(&first, &bytes[0]).unwrap();
        std::fs::write(&second, &bytes[1]).unwrap();
    }
}

#[tokio::test]
async fn a_corrupt_blob_is_put_aside_and_a_good_one_is_not() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let stored = package(&store, &mut rng).await;
    assert!(
        store
            .quarantine_package(&stored.digest)
            .await
            .unwrap()
            .is_empty()
    );
    let damaged = stored.manifest.files[1].digest;
    std::fs::write(blob_file(folder.path(), &damaged), b"bad").unwrap();
    assert_eq!(
        store.quarantine_package(&stored.digest).await.unwrap(),
        [damaged]
    );
    assert_eq!(store.list_quarantined().await.unwrap()[0].digest, damaged);
    let error = store.read_package(&stored.digest).await.unwrap_err();
    assert!(error.is_damage(), "{error}");
}
