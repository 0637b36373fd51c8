//! REL-2: kill -9 at random instants of publishing, with a reader beside it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mofang_store::Page;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::support::{audited, check_whole, open, reference, request};

const FOLDER: &str = "MOFANG_KILL_FOLDER";

#[tokio::test]
#[ignore = "started by the tests of this file as a process of its own"]
#[expect(
    clippy::disallowed_methods,
    reason = "what a process that a test starts is told"
)]
async fn a_process_that_publishes() {
    let Ok(folder) = std::env::var(FOLDER).map(PathBuf::from) else {
        return;
    };
    let registry = open(&folder).await;
    for content in (0..=255_u8).cycle() {
        registry
            .publish(request(content, &["production"]))
            .await
            .expect("a version");
    }
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["kill::a_process_that_publishes", "--exact", "--ignored"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

/// Kills the process when a check fails before it was killed.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn kill(rounds: u32, seed: u64) {
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut published = 0;
    for round in 0..rounds {
        let folder = tempfile::tempdir().expect("a folder");
        let reader = open(folder.path()).await;
        reader
            .publish(request(0, &["production"]))
            .await
            .expect("a version");
        let mut process = Killed(start(folder.path()));
        let model = "digits".parse().expect("a name");
        let mut steps = rng.random_range(0..40_u32);
        loop {
            // Readers of the alias as it was see no error, whatever happens beside them.
            let route = reader
                .resolve(&reference("digits@production"))
                .expect("a route");
            reader.load_package(&route).await.expect("a whole package");
            let versions = reader.versions(&model, &Page::first(2)).await;
            let begun = versions.expect("a listing").items.len() > 1;
            if begun && steps == 0 {
                break;
            }
            steps = steps.saturating_sub(u32::from(begun));
            let ended = process.0.try_wait().expect("a process");
            assert!(
                ended.is_none(),
                "round {round}: the publisher ended by itself: {ended:?}"
            );
            tokio::time::sleep(Duration::from_micros(rng.random_range(0..2_000))).await;
        }
        drop(process);
        drop(reader);

        let registry = open(folder.path()).await;
        let numbers = check_whole(&registry, folder.path()).await;
        let expected: Vec<u32> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, expected, "round {round}");
        let named = registry
            .resolve(&reference("digits@production"))
            .expect("a route");
        assert_eq!(Some(&named.number), numbers.last(), "round {round}");
        assert_eq!(
            audited(&registry, "version.publish").await,
            numbers.len().min(1_000)
        );
        published += numbers.len();
    }
    println!("{published} versions in {rounds} rounds");
}

#[tokio::test]
async fn rel_2_kill_9_during_publish_leaves_whole_versions_only() {
    kill(20, 2).await;
}

#[tokio::test]
#[ignore = "long: the full count of the bar"]
async fn rel_2_kill_9_during_publish_two_hundred_times_leaves_whole_versions_only() {
    kill(200, u64::from(std::process::id())).await;
}
