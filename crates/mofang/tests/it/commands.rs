//! Models, datasets, accounts and settings on a data directory.

use std::fs;

use crate::support::Home;

#[test]
fn global_flags_may_stand_anywhere() {
    let home = Home::trained();
    let expected = home.run(&["models", "list", "--format", "json"]).expect(0);
    assert_eq!(expected.json()[0]["name"], "digits");
    for arguments in [
        ["--format", "json", "models", "list"],
        ["models", "--format", "json", "list"],
    ] {
        assert_eq!(home.run(&arguments).expect(0).stdout, expected.stdout);
    }
    let csv = home.run(&["models", "list", "--format", "csv"]).expect(0);
    assert!(
        csv.stdout.starts_with("name,latest,versions,"),
        "{}",
        csv.stdout
    );
    let elsewhere = home.path("elsewhere");
    let other = home
        .run(&["models", "list", "--data-dir", elsewhere.to_str().unwrap()])
        .expect(0);
    assert_eq!(other.stdout, "nothing yet\n");
}

#[test]
fn a_version_is_shown_compared_tagged_moved_and_deleted() {
    let home = Home::trained();
    let recipe = home.path("recipe.toml");
    let text = include_str!("../../../../recipes/digits.toml").replace("epochs = 36", "epochs = 1");
    fs::write(&recipe, text).unwrap();
    home.run(&[
        "train",
        "recipe.toml",
        "--publish-anyway",
        "--note",
        "a short one",
    ])
    .expect(0);

    let card = home.run(&["models", "show", "digits"]).expect(0).stdout;
    assert!(card.starts_with("digits@2\n"), "{card}");
    for part in [
        "a short one",
        "simple_cnn",
        "resize",
        "digits:train",
        "model.safetensors",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
    let diff = home
        .run(&["models", "diff", "digits@1", "digits@2"])
        .expect(0)
        .stdout;
    assert!(diff.starts_with("digits@1 → digits@2\n"), "{diff}");
    assert!(diff.contains("train.stop.epochs  36 → 1"), "{diff}");
    assert!(diff.contains("classifier.2.weight"), "{diff}");
    assert!(
        diff.contains("equal in both: pipeline, architecture, labels, data"),
        "{diff}"
    );

    home.run(&["models", "tag", "digits@2", "quality=poor"])
        .expect(0);
    let versions = home.run(&["models", "versions", "digits"]).expect(0).stdout;
    assert!(versions.contains("quality=poor"), "{versions}");
    home.run(&["models", "untag", "digits@2", "quality"])
        .expect(0);

    let names = |reference: &str| {
        let card = home
            .run(&["models", "show", reference, "--format", "json"])
            .expect(0);
        card.json()["version"].as_u64().unwrap()
    };
    home.run(&["models", "alias", "digits@2", "production"])
        .expect(0);
    assert_eq!(names("digits@production"), 2);
    home.run(&["models", "rollback", "digits"]).expect(0);
    assert_eq!(names("digits@production"), 1);
    let history = home
        .run(&[
            "models",
            "alias",
            "digits",
            "production",
            "--history",
            "--format",
            "json",
        ])
        .expect(0)
        .json();
    assert_eq!(history.as_array().unwrap().len(), 3);

    home.run(&["models", "alias", "digits@2", "staging"])
        .expect(0);
    let refused = home.run(&["models", "delete", "digits@2"]).expect(1);
    refused.complains("alias \"staging\"");
    home.run(&["models", "alias", "digits", "staging", "--delete"])
        .expect(0);
    home.run(&["models", "delete", "digits@2"]).expect(0);
    home.run(&["models", "show", "digits@2"])
        .expect(2)
        .complains("digits@2");
    home.run(&["models", "delete", "digits"])
        .expect(2)
        .complains("--all");
    home.run(&["models", "diff", "digits@1", "other@1"])
        .expect(2)
        .complains("different models");
}

#[test]
fn datasets_come_from_a_mirror_whole_or_not_at_all() {
    let home = Home::new();
    let listed = home
        .run(&["datasets", "list", "--format", "json"])
        .expect(0)
        .json();
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|dataset| dataset["name"].as_str().unwrap())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    for name in ["adult", "digits", "fashion-mnist", "fsdd", "sms-spam"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    home.run(&["datasets", "verify", "digits"]).expect(0);
    let shown = home.run(&["datasets", "show", "digits"]).expect(0).stdout;
    assert!(shown.contains("CC-BY-4.0"), "{shown}");
    home.run(&["datasets", "show", "digit"])
        .expect(2)
        .complains("did you mean \"digits\"?");

    let mirror = home.path("mirror");
    fs::create_dir(&mirror).unwrap();
    fs::write(mirror.join("clothing-small-96.tar"), "not the file").unwrap();
    let ran = home.run(&[
        "datasets",
        "pull",
        "clothing-small-96",
        "--mirror",
        "mirror",
    ]);
    ran.expect(1).complains("clothing-small-96");
    let folder = home.data_dir().join("datasets").join("clothing-small-96");
    assert!(!folder.join("clothing-small-96.tar").exists());
    home.run(&["datasets", "verify", "clothing-small-96"])
        .expect(1);
}

#[test]
fn users_and_keys_are_made_by_whoever_owns_the_directory() {
    let home = Home::new();
    let create = ["users", "create", "ada", "--password-stdin"];
    let ran = home.run_with(&create, b"short\n").expect(2);
    assert!(!ran.stderr.contains("short\""), "{}", ran.stderr);
    let created = home.run_with(&create, b"seven purple walnuts\n").expect(0);
    assert!(created.stdout.contains("admin"), "{}", created.stdout);
    home.run_with(&create, b"seven purple walnuts\n")
        .expect(2)
        .complains("ada");

    let key = home
        .run(&[
            "keys",
            "create",
            "laptop",
            "--user",
            "ada",
            "--expires-in-days",
            "7",
        ])
        .expect(0)
        .stdout;
    assert!(key.starts_with("mf_"), "{key}");
    let listed = home.run(&["keys", "list", "--format", "json"]).expect(0);
    assert!(!listed.stdout.contains(key.trim()), "a key is shown twice");
    let id = listed.json()[0]["id"].as_str().unwrap().to_owned();
    home.run(&["keys", "revoke", &id]).expect(0);
    let listed = home.run(&["keys", "list"]).expect(0).stdout;
    assert!(listed.contains("revoked"), "{listed}");
    home.run(&[
        "keys",
        "create",
        "x",
        "--user",
        "ada",
        "--scope",
        "everything",
    ])
    .expect(2)
    .complains("everything");
    home.run(&["users", "disable", "ada"])
        .expect(1)
        .complains("admin");
}

#[test]
fn settings_come_from_the_file_the_environment_and_flags() {
    let home = Home::new();
    fs::write(
        home.path("mofang.toml"),
        "api_key = \"mf_secret\"\n[serving]\nmax_batch_size = 7\n",
    )
    .unwrap();
    let shown = home.run(&["config", "show"]).expect(0).stdout;
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(line("serving.max_batch_size")[1..], ["7", "mofang.toml"]);
    assert_eq!(
        line("serve.listen")[1..],
        ["127.0.0.1:0", "MOFANG_SERVE_LISTEN"]
    );
    assert!(!shown.contains("mf_secret"), "{shown}");

    fs::write(home.path("mofang.toml"), "[serving]\nmax_batchsize = 7\n").unwrap();
    home.run(&["config", "show"])
        .expect(2)
        .complains("did you mean \"serving.max_batch_size\"?");
}
