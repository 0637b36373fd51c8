//! REL-4: damaged packages are found at load, quarantined and audited.

use std::time::Duration;

use mofang_registry::Actor;
use mofang_types::{Coded as _, ErrorCode};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::support::{audited, blob_file, open, reference, request};

async fn damage(rounds: usize, seed: u64) {
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let registry = open(folder.path()).await;
    registry
        .publish(request(1, &["production"]))
        .await
        .expect("a version");
    registry.publish(request(2, &[])).await.expect("a version");
    let production = reference("digits@production");
    let route = registry.resolve(&production).expect("a route");
    let manifest = registry
        .load_package(&route)
        .await
        .expect("a whole package")
        .manifest;
    let mut blobs = vec![route.package_digest];
    blobs.extend(manifest.files.iter().map(|file| file.digest));
    for round in 0..rounds {
        let blob = blob_file(folder.path(), &blobs[rng.random_range(0..blobs.len())]);
        let whole = std::fs::read(&blob).expect("a blob");
        let mut damaged = whole.clone();
        match round % 20 {
            0 => damaged.truncate(rng.random_range(0..whole.len())),
            1 => damaged.push(0),
            2 => damaged = b"the bytes of another".to_vec(),
            _ => {
                let bit = rng.random_range(0..whole.len() * 8);
                damaged[bit / 8] ^= 1 << (bit % 8);
            }
        }
        if round % 20 == 3 {
            std::fs::remove_file(&blob).expect("a removed blob");
        } else {
            std::fs::write(&blob, &damaged).expect("a damaged blob");
        }
        let error = registry
            .load_package(&route)
            .await
            .expect_err("damage was not found");
        assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
        let refused = registry
            .resolve(&production)
            .expect_err("it is quarantined");
        assert_eq!(refused.code(), ErrorCode::Unavailable, "{refused}");
        assert_eq!(refused.to_string(), error.to_string());
        // A second look changes nothing and records nothing.
        registry
            .load_package(&route)
            .await
            .expect_err("it is damaged still");
        // The other version goes on.
        assert!(registry.resolve(&reference("digits@2")).is_ok());

        std::fs::write(&blob, &whole).expect("a restored blob");
        registry
            .verify(&production, &Actor::local())
            .await
            .expect("a restored version");
        assert!(registry.resolve(&production).is_ok());
    }
    let count = audited(&registry, "version.quarantine").await;
    assert_eq!(count, rounds.min(1_000));
    assert_eq!(audited(&registry, "version.restore").await, count);
    // The bad copies are of no version and go with the garbage once nothing needs their digest.
    let model = "digits".parse().expect("a name");
    registry
        .delete_model(&model, &Actor::local())
        .await
        .expect("a deletion");
    registry
        .collect_garbage(Duration::ZERO)
        .await
        .expect("garbage is collected");
    let artifacts = registry.artifacts();
    assert!(
        artifacts
            .list_quarantined()
            .await
            .expect("a listing")
            .is_empty()
    );
}

#[tokio::test]
async fn rel_4_damage_is_found_at_load_quarantined_and_audited() {
    damage(200, 4).await;
}

#[tokio::test]
#[ignore = "long: the full count of the bar"]
async fn rel_4_a_thousand_times_damage_is_found_at_load_quarantined_and_audited() {
    damage(1_000, u64::from(std::process::id())).await;
}
