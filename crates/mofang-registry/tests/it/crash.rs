//! REL-2: a process that dies, fails or is slow at any step leaves a whole version or none.
//!
//! Each round starts this test binary again as a process of its own, which arms one fail point and
//! does one thing; afterwards the folder is opened as after a restart.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mofang_registry::Actor;
use mofang_types::Selector;

use crate::support::{audited, blob_file, check_whole, open, reference, request};

const FOLDER: &str = "MOFANG_CRASH_FOLDER";
const OPERATION: &str = "MOFANG_CRASH_OPERATION";
const POINT: &str = "MOFANG_CRASH_POINT";
const NTH: &str = "MOFANG_CRASH_NTH";
const ACTION: &str = "MOFANG_CRASH_ACTION";

/// The fail points on the way of a publish, in order: how often each is passed by a package of two
/// files, and whether the version is committed there.
const PUBLISH_POINTS: &[(&str, u32, bool)] = &[
    ("publish::package::before", 1, false),
    ("package::file::before", 2, false),
    ("artifacts::put::before", 3, false),
    ("artifacts::put::after", 3, false),
    ("package::file::after", 2, false),
    ("package::manifest::before", 1, false),
    ("package::manifest::after", 1, false),
    ("publish::package::after", 1, false),
    ("publish::row::before", 1, false),
    ("publish::row::after", 1, true),
    ("publish::routes::after", 1, true),
];

#[expect(
    clippy::disallowed_methods,
    reason = "what a process that a test starts is told"
)]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn start(folder: &Path, operation: &str, point: &str, nth: u32, action: &str) -> Output {
    let test_binary = std::env::current_exe().expect("this binary");
    Command::new(test_binary)
        .args([
            "crash::a_process_that_fails",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .env(OPERATION, operation)
        .env(POINT, point)
        .env(NTH, nth.to_string())
        .env(ACTION, action)
        .output()
        .expect("a process")
}

#[tokio::test]
#[ignore = "started by the tests of this file as a process of its own"]
async fn a_process_that_fails() {
    let Some(folder) = told(FOLDER).map(PathBuf::from) else {
        return;
    };
    let [operation, point, nth, action] =
        [OPERATION, POINT, NTH, ACTION].map(|name| told(name).expect("an instruction"));
    let nth: u32 = nth.parse().expect("a number");
    let registry = open(&folder).await;
    if action == "abort" {
        let passed = AtomicU32::new(0);
        let abort = move || {
            if passed.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                std::process::abort();
            }
        };
        fail::cfg_callback(point, abort).expect("a fail point");
    } else {
        let actions = format!("{}*off->1*{action}->off", nth - 1);
        fail::cfg(point, &actions).expect("a fail point");
    }
    let model = "digits".parse().expect("a name");
    let actor = Actor::local();
    let failed = match operation.as_str() {
        "publish" => registry.publish(request(2, &["production"])).await.err(),
        "alias" => {
            let alias = "production".parse().expect("an alias");
            registry
                .set_alias(&model, &alias, &Selector::Version(2), None, &actor)
                .await
                .err()
        }
        "delete" => registry.delete_version(&model, 2, &actor).await.err(),
        "garbage" => registry.collect_garbage(Duration::ZERO).await.err(),
        "load" => {
            let route = registry.resolve(&reference("digits@2")).expect("a route");
            registry.load_package(&route).await.err()
        }
        other => panic!("no operation {other}"),
    };
    println!("failed: {failed:?}");
}

/// Publishes version 1 in a folder of its own, as the process before.
async fn with_version_one() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let registry = open(folder.path()).await;
    registry
        .publish(request(1, &["production"]))
        .await
        .expect("a version");
    folder
}

async fn crash_publish(point: &str, nth: u32, action: &str, committed: bool) {
    let shown = format!("{action} at {point}, pass {nth}");
    let folder = with_version_one().await;
    let output = start(folder.path(), "publish", point, nth, action);
    let survives = action.starts_with("return") || action.starts_with("sleep");
    assert_eq!(output.status.success(), survives, "{shown}: {output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    if survives {
        let failed = action.starts_with("return");
        assert_eq!(said.contains("OutOfSpace"), failed, "{shown}: {said}");
    }

    let registry = open(folder.path()).await;
    let committed = committed || action.starts_with("sleep");
    let expected: &[u32] = if committed { &[1, 2] } else { &[1] };
    assert_eq!(
        check_whole(&registry, folder.path()).await,
        expected,
        "{shown}"
    );
    let named = registry
        .resolve(&reference("digits@production"))
        .map(|route| route.number);
    assert_eq!(named.ok(), expected.last().copied(), "{shown}");
    assert_eq!(
        audited(&registry, "version.publish").await,
        expected.len(),
        "{shown}"
    );
    // And life goes on.
    let next = registry.publish(request(3, &["production"])).await;
    let next = next.map(|record| record.number);
    assert_eq!(next.ok(), expected.last().map(|last| last + 1), "{shown}");
}

#[tokio::test]
async fn rel_2_a_publish_that_dies_at_any_step_leaves_a_whole_version_or_none() {
    for (point, passes, committed) in PUBLISH_POINTS {
        for nth in 1..=*passes {
            crash_publish(point, nth, "abort", *committed).await;
        }
    }
}

#[tokio::test]
async fn rel_2_a_publish_that_panics_fails_or_is_slow_at_any_step_leaves_a_whole_version_or_none() {
    for (point, passes, committed) in PUBLISH_POINTS {
        for action in ["panic", "return", "sleep(20)"] {
            crash_publish(point, *passes, action, *committed).await;
        }
    }
}

#[tokio::test]
async fn rel_2_an_alias_move_that_dies_leaves_the_old_or_the_new_version() {
    for (point, expected) in [("alias::row::before", 1), ("alias::row::after", 2)] {
        let folder = with_version_one().await;
        let registry = open(folder.path()).await;
        registry.publish(request(2, &[])).await.unwrap();
        drop(registry);
        assert!(
            !start(folder.path(), "alias", point, 1, "abort")
                .status
                .success()
        );
        let registry = open(folder.path()).await;
        let named = registry.resolve(&reference("digits@production")).unwrap();
        assert_eq!(named.number, expected, "{point}");
        assert_eq!(
            check_whole(&registry, folder.path()).await,
            [1, 2],
            "{point}"
        );
    }
}

#[tokio::test]
async fn rel_2_a_deletion_or_a_collection_that_dies_can_be_finished() {
    for (operation, point, nth, left) in [
        ("delete", "delete::row::before", 1, &[1, 2][..]),
        ("delete", "delete::row::after", 1, &[1][..]),
        ("garbage", "garbage::delete::before", 1, &[1][..]),
        ("garbage", "garbage::delete::after", 1, &[1][..]),
        ("garbage", "garbage::delete::before", 3, &[1][..]),
        ("garbage", "garbage::delete::after", 3, &[1][..]),
    ] {
        let folder = with_version_one().await;
        let registry = open(folder.path()).await;
        registry.publish(request(2, &[])).await.unwrap();
        if operation == "garbage" {
            let model = "digits".parse().unwrap();
            registry
                .delete_version(&model, 2, &Actor::local())
                .await
                .unwrap();
        }
        drop(registry);
        let output = start(folder.path(), operation, point, nth, "abort");
        assert!(!output.status.success(), "{point}: {output:?}");
        let registry = open(folder.path()).await;
        assert_eq!(check_whole(&registry, folder.path()).await, left, "{point}");
    }
}

#[tokio::test]
async fn rel_2_a_quarantine_that_dies_still_keeps_the_bytes_from_being_used() {
    for point in [
        "quarantine::row::before",
        "quarantine::row::after",
        "artifacts::quarantine::before",
        "artifacts::quarantine::after",
    ] {
        let folder = with_version_one().await;
        let registry = open(folder.path()).await;
        registry.publish(request(2, &[])).await.unwrap();
        let route = registry.resolve(&reference("digits@2")).unwrap();
        let package = registry.load_package(&route).await.unwrap();
        drop(registry);
        let weights = package.manifest.files[1].digest;
        std::fs::write(blob_file(folder.path(), &weights), b"bad").unwrap();
        let output = start(folder.path(), "load", point, 1, "abort");
        assert!(!output.status.success(), "{point}: {output:?}");
        let registry = open(folder.path()).await;
        registry.load_package(&route).await.unwrap_err();
        registry.resolve(&reference("digits@2")).unwrap_err();
        assert!(registry.resolve(&reference("digits@production")).is_ok());
        assert_eq!(audited(&registry, "version.quarantine").await, 1, "{point}");
    }
}
