//! `mofang predict` and `mofang evaluate` on a data directory.

use std::fs;

use serde_json::Value;

use crate::support::Home;

/// A directory with two good images and a broken one between them.
fn images(home: &Home) -> String {
    let (image, _) = home.image();
    let bytes = fs::read(image).unwrap();
    let folder = home.path("images");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.png"), &bytes).unwrap();
    fs::write(folder.join("b.png"), &bytes[..40]).unwrap();
    fs::write(folder.join("c.png"), &bytes).unwrap();
    fs::write(folder.join("notes.txt"), "no image").unwrap();
    "images".to_owned()
}

fn label(line: &Value) -> Option<&str> {
    line["prediction"]["classes"][0]["label"].as_str()
}

#[test]
fn files_patterns_directories_and_stdin_are_asked_about() {
    let home = Home::trained();
    let folder = images(&home);
    let (image, expected) = home.image();
    let bytes = fs::read(&image).unwrap();

    let text = home.run(&["predict", "digits@production", image.to_str().unwrap()]);
    let text = text.expect(0).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with(&format!("Predicted class: {expected} (")));
    // The package's own top_k, of which the first class is the line above.
    assert_eq!(lines.len(), 3, "{text}");

    let stdin = home
        .run_with(&["predict", "digits", "-", "--format", "json"], &bytes)
        .expect(0);
    assert_eq!(label(&stdin.json()), Some(expected));

    let pattern = format!("{folder}/[ac].png");
    let found = home
        .run(&[
            "predict", "digits@1", &pattern, "--format", "json", "--top-k", "1",
        ])
        .expect(0)
        .json_lines();
    assert_eq!(found.len(), 2);
    for line in &found {
        assert_eq!(label(line), Some(expected));
        assert_eq!(line["prediction"]["classes"].as_array().unwrap().len(), 1);
    }

    // One broken input fails alone, is named, and shows in the exit code.
    let all = home
        .run(&["predict", "digits", &folder, "--format", "json"])
        .expect(2);
    all.complains("failed to predict images/b.png");
    let lines = all.json_lines();
    assert_eq!(lines.len(), 3);
    assert_eq!(label(&lines[0]), Some(expected));
    assert!(lines[1]["error"].as_str().unwrap().contains("image"));
    assert_eq!(label(&lines[2]), Some(expected));
}

#[test]
fn results_go_into_files_by_their_ending() {
    let home = Home::trained();
    let folder = images(&home);
    let written = |name: &str| {
        let ran = home.run(&["predict", "digits", &folder, "--output", name]);
        assert_eq!(ran.expect(2).stdout, "");
        fs::read_to_string(home.path(name)).unwrap()
    };
    let lines = written("results.jsonl");
    assert_eq!(lines.lines().count(), 3);
    for line in lines.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let table = written("results.csv");
    let mut rows = table.lines();
    assert_eq!(
        rows.next(),
        Some("input,model,version,rank,label,value,error")
    );
    // Three classes for each good image and a row for the broken one.
    assert_eq!(rows.count(), 7, "{table}");

    let ran = home.run(&["predict", "digits", &folder, "--output", "results.xml"]);
    ran.expect(2).complains(".jsonl or .csv");
    assert!(!home.path("results.xml").exists());
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_name() {
    let home = Home::trained();
    let (image, _) = home.image();
    let image = image.to_str().unwrap();
    for (arguments, part) in [
        (["predict", "ghost", image], "model \"ghost\""),
        (["predict", "digits@7", image], "digits@7"),
        (["predict", "digits@nobody", image], "nobody"),
        (["predict", "digits", "missing.png"], "missing.png"),
        (["predict", "digits", "*.jpg"], "*.jpg"),
    ] {
        home.run(&arguments).expect(2).complains(part);
    }
    let ran = home.run(&["predict", "digits", image, "--top-k", "0"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn a_version_is_judged_as_its_training_judged_it() {
    let home = Home::trained();
    let run = home
        .run(&["runs", "list", "--format", "json"])
        .expect(0)
        .json();
    let ran = home
        .run(&[
            "evaluate",
            "digits@1",
            "--dataset",
            "digits:test",
            "--format",
            "json",
        ])
        .expect(0);
    let evaluation = ran.json();
    assert_eq!(evaluation["metrics"], run[0]["metrics"]);
    assert!(evaluation["metrics"]["accuracy"].as_f64().unwrap() >= 0.975);

    let text = home
        .run(&["evaluate", "digits", "--dataset", "digits:validation"])
        .expect(0)
        .stdout;
    assert!(
        text.starts_with("digits@1 on digits:validation: "),
        "{text}"
    );
    assert!(text.contains("PRECISION"), "{text}");

    home.run(&["evaluate", "digits", "--dataset", "digits"])
        .expect(2);
    home.run(&["evaluate", "digits", "--dataset", "digts:test"])
        .expect(2)
        .complains("did you mean \"digits\"?");
}

#[test]
fn a_damaged_artifact_never_answers() {
    let home = Home::trained();
    let (image, _) = home.image();
    let image = image.to_str().unwrap();
    home.run(&["doctor"]).expect(0);
    let card = home
        .run(&["models", "show", "digits", "--format", "json"])
        .expect(0)
        .json();
    let digest = card["manifest"]["files"]
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file["path"] == "model.safetensors")
        .unwrap()["digest"]
        .as_str()
        .unwrap();
    let blob = home
        .data_dir()
        .join("artifacts")
        .join("sha256")
        .join(&digest[..2])
        .join(digest);
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&blob, bytes).unwrap();

    let doctor = home.run(&["doctor"]).expect(1);
    assert!(
        doctor.stdout.contains("FAIL  artifacts"),
        "{}",
        doctor.stdout
    );
    let ran = home.run(&["predict", "digits", image]).expect(1);
    ran.complains("corrupt");
    assert_eq!(ran.stdout, "");
    // From now on it is refused without being read.
    home.run(&["predict", "digits", image])
        .expect(1)
        .complains("quarantined");
    let versions = home.run(&["models", "versions", "digits"]).expect(0);
    assert!(
        versions.stdout.contains("quarantined"),
        "{}",
        versions.stdout
    );
}
