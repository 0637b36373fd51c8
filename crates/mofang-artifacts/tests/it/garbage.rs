//! Collecting garbage.

use std::collections::BTreeSet;
use std::time::Duration;

use mofang_types::{Clock as _, SystemClock};

use crate::support::{blob_file, draft, open};

#[tokio::test]
async fn what_a_live_package_needs_stays_and_the_rest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let live = store
        .write_package(draft(&[("shared", b"shared"), ("w", b"live")]))
        .await
        .unwrap();
    let dead = store
        .write_package(draft(&[("shared", b"shared"), ("w", b"dead")]))
        .await
        .unwrap();
    let staging = folder.path().join("sha256/ab");
    std::fs::create_dir_all(&staging).unwrap();
    std::fs::write(staging.join("abc#1"), b"half").unwrap();
    let packages = BTreeSet::from([live.digest]);
    let now = SystemClock::new().now_unix_ms() + 1_000;

    // Within the grace period nothing goes.
    let grace = Duration::from_hours(1);
    let report = store.collect_garbage(&packages, grace, now).await.unwrap();
    assert_eq!((report.kept, report.removed), (5, 0));
    assert_eq!(report.interrupted_writes_removed, 0);

    let report = store
        .collect_garbage(&packages, Duration::ZERO, now)
        .await
        .unwrap();
    assert_eq!(
        (
            report.kept,
            report.removed,
            report.interrupted_writes_removed
        ),
        (3, 2, 1)
    );
    assert!(store.read_package(&live.digest).await.is_ok());
    assert!(store.read_package(&dead.digest).await.is_err());
    let again = store
        .collect_garbage(&packages, Duration::ZERO, now)
        .await
        .unwrap();
    assert_eq!((again.kept, again.removed), (3, 0));
}

#[tokio::test]
async fn an_unreadable_manifest_of_a_live_package_stops_the_removal() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let live = store.write_package(draft(&[("w", b"live")])).await.unwrap();
    let manifest = blob_file(folder.path(), &live.digest);
    let whole = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, b"{}").unwrap();
    let packages = BTreeSet::from([live.digest]);
    let now = SystemClock::new().now_unix_ms() + 1_000;
    let report = store
        .collect_garbage(&packages, Duration::ZERO, now)
        .await
        .unwrap();
    assert_eq!(report.unreadable_packages, [live.digest]);
    assert_eq!(report.removed, 0);
    std::fs::write(&manifest, whole).unwrap();
    assert!(store.read_package(&live.digest).await.is_ok());
}
