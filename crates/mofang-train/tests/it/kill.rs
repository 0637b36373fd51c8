//! REL-1: a run that is killed at random instants ends with the bits of one that is not.
//!
//! The run happens in a child process: this very test binary, asked for the one ignored test below,
//! with the run's folder in the environment.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mofang_train::Resume;
use mofang_types::ArtifactDigest;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::support::{RECIPE, checkpoints, recipe, run, trace};

const FOLDER_VARIABLE: &str = "MOFANG_TEST_RUN_DIR";
const WEIGHTS_FILE: &str = "final.safetensors";

/// The child's part.
#[test]
#[ignore = "run by the tests of this file, in a process of its own"]
#[expect(
    clippy::disallowed_methods,
    reason = "how a test tells its child where to work"
)]
fn child_trains() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else {
        return;
    };
    let folder = Path::new(&folder);
    let outcome = run(recipe("epochs = 4", EPOCHS), folder, Resume::Latest).unwrap();
    let part = folder.join("final.part");
    std::fs::write(&part, &outcome.weights).unwrap();
    std::fs::rename(&part, folder.join(WEIGHTS_FILE)).unwrap();
}

/// Long enough to be hit.
const EPOCHS: &str = "epochs = 8";

/// Trains in children that are killed after `delays` each, and once more to the end.
fn train_in_children(folder: &Path, delays: impl Iterator<Item = Duration>) -> usize {
    let child = || {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "kill::child_trains",
                "--ignored",
                "--test-threads=1",
            ])
            .env(FOLDER_VARIABLE, folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut kills = 0;
    for delay in delays {
        let mut child = child();
        std::thread::sleep(delay);
        if child.try_wait().unwrap().is_none() {
            kills += 1;
        }
        // SIGKILL: no handler, no destructor, no flush.
        child.kill().unwrap();
        child.wait().unwrap();
        if folder.join(WEIGHTS_FILE).exists() {
            return kills;
        }
    }
    assert!(child().wait().unwrap().success());
    kills
}

fn weights_digest(folder: &Path) -> ArtifactDigest {
    ArtifactDigest::of(&std::fs::read(folder.join(WEIGHTS_FILE)).unwrap())
}

/// Runs once without and then `runs` times with kills until `kills` have hit, from this seed.
fn compare(kills: usize, seed: u64) {
    let whole = tempfile::tempdir().unwrap();
    train_in_children(whole.path(), std::iter::empty());
    let (digest, lines) = (weights_digest(whole.path()), trace(whole.path()));
    assert!(lines.len() > 100);

    let mut randomness = ChaCha8Rng::seed_from_u64(seed);
    let mut hits = 0;
    while hits < kills {
        let run = tempfile::tempdir().unwrap();
        let delays: Vec<Duration> = (0..4)
            .map(|_| Duration::from_millis(randomness.random_range(20..400)))
            .collect();
        hits += train_in_children(run.path(), delays.iter().copied());
        assert_eq!(
            weights_digest(run.path()),
            digest,
            "seed {seed}, killed after {delays:?}"
        );
        assert_eq!(
            trace(run.path()),
            lines,
            "seed {seed}, killed after {delays:?}"
        );
        assert_eq!(checkpoints(run.path()), checkpoints(whole.path()));
        assert!(!run.path().join("checkpoints/final.part").exists());
    }
}

#[test]
fn rel_1_killed_runs_end_with_the_bits_of_a_whole_one() {
    assert!(RECIPE.contains("checkpoint_every_steps = 4"));
    compare(4, 1);
}

#[test]
#[ignore = "minutes; the bar of REL-1"]
fn rel_1_killed_fifty_times() {
    compare(50, 2);
}
