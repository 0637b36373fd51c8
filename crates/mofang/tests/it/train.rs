//! `mofang train`: interrupting, killing, going on, publishing.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Home, Running};

const RECIPE: &str = include_str!("../../../../recipes/digits.toml");

/// A directory with a recipe of a few epochs.
fn home_with_recipe() -> Home {
    let home = Home::new();
    let text = RECIPE
        .replace("epochs = 36", "epochs = 4")
        .replace("checkpoint_every_steps = 100", "checkpoint_every_steps = 7");
    fs::write(home.path("recipe.toml"), text).unwrap();
    home
}

fn runs(home: &Home) -> Vec<Value> {
    let listed = home
        .run(&["runs", "list", "--format", "json"])
        .expect(0)
        .json();
    listed.as_array().unwrap().clone()
}

/// Starts the recipe and waits until `epochs` epochs are over.
fn start(home: &Home, epochs: usize) -> Running {
    home.start(
        &["train", "recipe.toml", "--no-publish"],
        &format!("epoch {epochs} "),
    )
}

/// The digest of the weights of a run that nobody disturbed.
fn undisturbed() -> String {
    let home = home_with_recipe();
    home.run(&["train", "recipe.toml", "--no-publish"])
        .expect(0);
    runs(&home)[0]["weights_digest"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn rel_1_a_run_that_is_stopped_and_killed_ends_with_the_same_weights() {
    let home = home_with_recipe();
    let running = start(&home, 1);
    running.signal(Signal::INT);
    let (status, said) = running.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("a checkpoint is written"), "{said}");
    assert_eq!(runs(&home)[0]["status"], "interrupted");

    // Killed without a word, somewhere between two checkpoints.
    let running = home.start(
        &["train", "recipe.toml", "--resume", "--no-publish"],
        "epoch 2 ",
    );
    std::thread::sleep(Duration::from_millis(150));
    running.signal(Signal::KILL);
    running.wait();
    assert_eq!(runs(&home)[0]["status"], "running");

    home.run(&["train", "recipe.toml", "--resume", "--no-publish"])
        .expect(0);
    let runs = runs(&home);
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["status"], "completed");
    assert_eq!(runs[0]["weights_digest"], undisturbed());
    home.run(&["train", "recipe.toml", "--resume"])
        .expect(2)
        .complains("no unfinished run");
}

#[test]
fn a_run_that_misses_its_gate_is_kept_and_published_only_when_told_to() {
    let home = home_with_recipe();
    let set = ["--set", "train.stop.epochs=1"];
    let ran = home
        .run(&[&["train", "recipe.toml"], &set[..]].concat())
        .expect(1);
    ran.complains("the gate of at least 0.975 for accuracy is missed");
    assert!(
        home.run(&["models", "list"])
            .expect(0)
            .stdout
            .contains("nothing yet")
    );
    let run = runs(&home).remove(0);
    let id = run["id"].as_str().unwrap();
    assert!(run["metrics"]["accuracy"].as_f64().unwrap() < 0.975);
    for file in [
        "report.md",
        "report.json",
        "loss.svg",
        "confusion.svg",
        "metrics.jsonl",
    ] {
        let path = home.data_dir().join("runs").join(id).join(file);
        assert!(fs::metadata(&path).unwrap().len() > 0, "{}", path.display());
    }

    let resume = format!("--resume={id}");
    let ran = home
        .run(&[
            "train",
            &resume,
            "--publish-anyway",
            "--alias",
            "staging",
            "--format",
            "json",
        ])
        .expect(0)
        .json();
    assert_eq!(ran["version"], "digits@1");
    // The same weights as when the gate refused them: nothing was trained again.
    assert_eq!(ran["weights_digest"], run["weights_digest"]);
    home.run(&["models", "show", "digits@staging"]).expect(0);
    home.run(&["train", &resume, "--publish-anyway"])
        .expect(2)
        .complains("published as digits@1 already");
    let shown = home.run(&["runs", "show", id]).expect(0).stdout;
    assert!(shown.contains("version: digits@1"), "{shown}");
}

#[test]
fn a_run_begins_with_the_weights_of_a_version_or_of_a_file() {
    let home = Home::trained();
    let with = |from: &str, change: (&str, &str)| {
        let section = format!("[architecture.initial_weights]\nfrom = \"{from}\"\n\n[train]\n");
        let text = RECIPE
            .replace("epochs = 36", "steps = 1")
            .replace("learning_rate = 0.003", "learning_rate = 0.000001")
            .replace("[train]\n", &section)
            .replace(change.0, change.1);
        fs::write(home.path("recipe.toml"), text).unwrap();
        home.run(&[
            "train",
            "recipe.toml",
            "--publish-anyway",
            "--format",
            "json",
        ])
    };
    let none = ("", "");
    // One step at such a rate changes next to nothing, so the version is about as good.
    let tuned = with("digits@production", none).expect(0);
    assert!(
        tuned.stderr.contains("initial weights: 24 loaded"),
        "{}",
        tuned.stderr
    );
    assert!(tuned.json()["metrics"]["accuracy"].as_f64().unwrap() > 0.95);
    let card = home
        .run(&["models", "show", "digits@2", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(card["manifest"]["provenance"]["parent"], "digits@1");

    let card = home
        .run(&["models", "show", "digits@1", "--format", "json"])
        .expect(0)
        .json();
    let digest = card["manifest"]["files"][0]["digest"].as_str().unwrap();
    let blob = home
        .data_dir()
        .join("artifacts/sha256")
        .join(&digest[..2])
        .join(digest);
    fs::copy(blob, home.path("weights.safetensors")).unwrap();
    with("weights.safetensors", none).expect(0);
    let card = home
        .run(&["models", "show", "digits@3", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(card["manifest"]["provenance"]["parent"], Value::Null);

    with("digits@9", none).expect(2).complains("digits@9");
    with("missing.safetensors", none)
        .expect(2)
        .complains("missing.safetensors");
    // Another network: what does not fit is named.
    let refused = with("digits@1", ("hidden = [128]", "hidden = [64]"));
    refused.expect(2).complains("classifier.2.weight");
}

#[test]
fn what_is_wrong_with_a_recipe_is_said_before_anything_is_trained() {
    let home = home_with_recipe();
    let text = fs::read_to_string(home.path("recipe.toml")).unwrap();
    fs::write(
        home.path("typo.toml"),
        text.replace("batch_size = 64", "bacth_size = 64"),
    )
    .unwrap();
    home.run(&["train", "typo.toml"])
        .expect(2)
        .complains("did you mean `batch_size`?");
    home.run(&["train", "missing.toml"])
        .expect(2)
        .complains("missing.toml");
    home.run(&["train"]).expect(2);
    for (change, part) in [
        ("data.dataset=digts", "did you mean \"digits\"?"),
        (
            "architecture.name=simple_cn",
            "did you mean \"simple_cnn\"?",
        ),
        ("train.stop", "KEY=VALUE"),
    ] {
        home.run(&["train", "recipe.toml", "--set", change])
            .expect(2)
            .complains(part);
    }
    let absent = home.run(&[
        "train",
        "recipe.toml",
        "--set",
        "data.dataset=fashion-mnist",
    ]);
    absent
        .expect(1)
        .complains("mofang datasets pull fashion-mnist");
    assert!(runs(&home).is_empty());
}
