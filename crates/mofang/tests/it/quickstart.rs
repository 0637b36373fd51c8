//! The whole story in one command.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use crate::support::Home;

/// The number behind `name` in a line such as `… accuracy 0.9916, macro-F1 0.9917`.
#[track_caller]
fn number_after(text: &str, name: &str) -> f64 {
    let (_, rest) = text.split_once(name).unwrap();
    let number: String = rest
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    number.parse().unwrap()
}

#[test]
fn it_trains_serves_and_answers_and_a_second_run_uses_what_is_there() {
    let home = Home::new();
    let first = home.run(&["quickstart", "--exit"]).expect(0);
    let judged = first
        .stderr
        .lines()
        .find(|line| line.contains("test split"))
        .unwrap();
    assert!(number_after(judged, "accuracy") >= 0.975, "{judged}");
    assert!(number_after(judged, "macro-F1") >= 0.975, "{judged}");
    for part in [
        "published digits@1",
        "serving on http://127.0.0.1:",
        "registered the user quickstart",
        "logged in as quickstart",
        "made an API key",
    ] {
        assert!(first.stderr.contains(part), "{part}: {}", first.stderr);
    }
    let answer = first.stdout.lines().next().unwrap();
    assert!(answer.starts_with("Predicted class: 7 ("), "{answer}");
    assert!(answer.ends_with(" %)"), "{answer}");
    let secrets = home.data_dir().join("keys").join("quickstart.json");
    let mode = fs::metadata(secrets).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let second = home
        .run(&["quickstart", "--exit", "--format", "json"])
        .expect(0);
    assert_eq!(
        second.stderr.matches("reusing").count(),
        2,
        "{}",
        second.stderr
    );
    assert!(!second.stderr.contains("epoch"), "{}", second.stderr);
    let answer = second.json();
    assert_eq!(answer["version"], "digits@1");
    assert_eq!(answer["prediction"]["classes"][0]["label"], "7");
}

#[test]
fn it_keeps_serving_until_it_is_told_to_stop() {
    let home = Home::trained();
    let running = home.start(&["quickstart"], "still serving");
    let url = running
        .said
        .lines()
        .find_map(|line| line.strip_prefix("serving on "))
        .and_then(|line| line.split_whitespace().next())
        .unwrap();
    let key_file = home.data_dir().join("keys").join("quickstart.key");
    let (image, label) = home.image();
    let answer = home
        .run(&[
            "predict",
            "digits@production",
            image.to_str().unwrap(),
            "--server",
            url,
            "--api-key-file",
            key_file.to_str().unwrap(),
        ])
        .expect(0);
    let expected = format!("Predicted class: {label} (");
    assert!(answer.stdout.starts_with(&expected), "{}", answer.stdout);
    running.signal(Signal::INT);
    let (status, _) = running.wait();
    assert_eq!(status.code(), Some(0));
}
