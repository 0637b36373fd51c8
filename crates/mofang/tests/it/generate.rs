//! `mofang generate`: texts that go on, by a Llama that says the alphabet to its end, and a GPT-2 that begins it
//! again and again.

use std::fs;
use std::io::Read as _;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::alphabet::{Folder, gpt2, llama};
use crate::server::ask;
use crate::support::{Home, Ran};

/// Imports a folder.
fn import(home: &Home, name: &str, folder: &Folder) -> Ran {
    let path = home.path(name);
    fs::create_dir(&path).unwrap();
    for (file, bytes) in folder {
        fs::write(path.join(file), bytes).unwrap();
    }
    home.run(&["import", name, "--name", name]).expect(0)
}

/// A directory with the Llama, `letters@1`.
fn home_with_letters() -> Home {
    let home = Home::new();
    import(&home, "letters", &llama());
    home
}

#[test]
fn a_text_goes_on() {
    let home = Home::new();
    let imported = import(&home, "letters", &llama()).stdout;
    for part in [
        "llama",
        "text-generation",
        "texts of 31 tokens",
        "mofang generate letters@1 \"…\"",
    ] {
        assert!(imported.contains(part), "{part} is not in {imported}");
    }
    let generate = |arguments: &[&str]| home.run(&[&["generate", "letters"], arguments].concat());
    let ran = generate(&["x"]).expect(0);
    assert_eq!(ran.stdout, "yz\n");
    assert!(
        ran.stderr
            .contains("ended (stop): 3 tokens behind 2 of the prompt"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(", seed "), "{}", ran.stderr);
    let quiet = generate(&["x", "--quiet"]).expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("yz\n", ""));
    assert_eq!(generate(&["x", "--echo"]).expect(0).stdout, "xyz\n");
    // Behind the last letter the text ends at once.
    assert_eq!(generate(&["z"]).expect(0).stdout, "");
    assert_eq!(generate(&["z", "--echo"]).expect(0).stdout, "z\n");
    let whole = generate(&[""]).expect(0).stdout;
    assert_eq!(whole, "abcdefghijklmnopqrstuvwxyz\n");

    let stdin = home.run_with(&["generate", "letters", "-"], b"w\n");
    assert_eq!(stdin.expect(0).stdout, "xyz\n");
    fs::write(home.path("prompt.txt"), "v\r\n").unwrap();
    let file = generate(&["--file", "prompt.txt"]).expect(0);
    assert_eq!(file.stdout, "wxyz\n");

    let cut = generate(&["a", "--max-tokens", "3"]).expect(0);
    assert_eq!(cut.stdout, "bcd\n");
    assert!(cut.stderr.contains("ended (length): 3"), "{}", cut.stderr);
    let stopped = generate(&["a", "--stop", "xx", "--stop", "gh"]).expect(0);
    assert_eq!(stopped.stdout, "bcdef\n");

    let asked = ["a", "--max-tokens", "3", "--seed", "7", "--format", "json"];
    let expected = json!({
        "text": "bcd", "finish_reason": "length", "prompt_tokens": 2, "completion_tokens": 3, "seed": 7,
        "model": "letters", "version": 1, "warnings": [],
    });
    assert_eq!(generate(&asked).expect(0).json(), expected);

    // A prediction goes on as the package says.
    let predicted = home.run(&["predict", "letters", "--text", "x"]).expect(0);
    assert_eq!(predicted.stdout, "Generated text: yz\n");
}

#[test]
fn a_seed_gives_the_same_text_again() {
    let home = home_with_letters();
    let drawn = |seed: Option<&str>| {
        let mut arguments = vec!["generate", "letters", "a", "--temperature", "3"];
        arguments.extend(["--max-tokens", "60", "--format", "json"]);
        if let Some(seed) = seed {
            arguments.extend(["--seed", seed]);
        }
        home.run(&arguments).expect(0).json()
    };
    assert_eq!(drawn(Some("1")), drawn(Some("1")));
    let texts: Vec<Value> = ["1", "2", "3"]
        .map(|seed| drawn(Some(seed))["text"].clone())
        .into();
    assert!(texts[0] != texts[1] || texts[0] != texts[2], "{texts:?}");
    // One that was drawn is told, and gives the text again.
    let first = drawn(None);
    let seed = first["seed"].as_u64().unwrap().to_string();
    assert_eq!(drawn(Some(&seed)), first);
}

#[test]
fn a_long_prompt_is_read_from_its_end() {
    let home = Home::new();
    import(&home, "endless", &gpt2());
    let prompt = "ab".repeat(20);
    let arguments = ["generate", "endless", &prompt, "--max-tokens", "4"];
    let ran = home.run(&arguments).expect(0);
    assert_eq!(ran.stdout, "cdef\n");
    assert!(
        ran.stderr
            .contains("warning: the text has 40 tokens; only the last 23 were read"),
        "{}",
        ran.stderr
    );
    let json = home.run(&[&arguments[..], &["--format", "json"]].concat());
    let json = json.expect(0);
    assert_eq!(json.stderr, "");
    let warnings = &json.json()["warnings"];
    assert!(warnings[0].as_str().unwrap().contains("40 tokens"));
    let table = home.run(&[&arguments[..], &["--format", "csv"]].concat());
    let table = table.expect(0);
    assert_eq!(table.stdout.lines().count(), 2, "{}", table.stdout);
    assert!(
        table.stderr.contains("warning: the text has 40 tokens"),
        "{}",
        table.stderr
    );
}

#[test]
fn what_cannot_go_on_is_refused_with_the_way_out() {
    let home = Home::trained();
    import(&home, "letters", &llama());
    fs::write(home.path("latin.txt"), b"caf\xe9").unwrap();
    for (arguments, part) in [
        (
            vec!["letters", "a", "--temperature=-1"],
            "temperature = -1 is not from 0 to 100",
        ),
        (vec!["letters", "a", "--top-k", "0"], "top_k = 0"),
        (vec!["letters", "a", "--top-p", "1.5"], "top_p = 1.5"),
        (vec!["letters", "a", "--stop", ""], "stop has an empty text"),
        (vec!["letters", "--file", "missing.txt"], "missing.txt"),
        (
            vec!["letters", "--file", "latin.txt"],
            "not UTF-8: byte 0xe9 at 3",
        ),
        (vec!["ghost", "a"], "model \"ghost\""),
        (
            vec!["digits", "a"],
            "image-classification, and only one of text-generation goes on with texts; ask it for a prediction",
        ),
    ] {
        let ran = home.run(&[&["generate"], arguments.as_slice()].concat());
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        ran.complains("failed to generate with ");
        ran.complains(part);
        assert_eq!(ran.stdout, "");
    }
    for arguments in [
        &["generate", "letters"][..],
        &["generate", "letters", "a", "--file", "latin.txt"],
        &["generate", "letters", "a", "--max-tokens", "0"],
        &["generate", "letters", "a", "--temperature", "warm"],
    ] {
        home.run(arguments).expect(2);
    }
}

/// A text that has begun and would go on for long.
fn going_on(home: &Home) -> Child {
    let mut command = home.command(&[
        "generate",
        "endless",
        "a",
        "--max-tokens",
        "200000",
        "--seed",
        "1",
    ]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut beginning = [0; 4];
    let stdout = child.stdout.as_mut().unwrap();
    stdout.read_exact(&mut beginning).unwrap();
    assert_eq!(&beginning, b"bcde");
    child
}

#[test]
fn a_text_ends_when_nobody_wants_the_rest() {
    let home = Home::new();
    import(&home, "endless", &gpt2());
    let child = going_on(&home);
    let id = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.ends_with('\n') && text.len() < 200_000,
        "{}",
        text.len()
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("error: stopped before the text was over"),
        "{said}"
    );

    // A reader that has gone away, as `| head`, is no failure.
    let mut child = going_on(&home);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn a_text_goes_on_through_a_server_as_on_its_directory() {
    let home = Home::trained();
    import(&home, "letters", &llama());
    let create = ["keys", "create", "all", "--user", "quickstart", "--scope"];
    let key = home.run(&[&create[..], &["admin"]].concat()).expect(0);
    let key = key.stdout.trim();
    let draws: [&[&str]; 4] = [
        &["generate", "letters", "x", "--seed", "1"],
        &["generate", "letters", "", "--seed", "2"],
        &["generate", "letters", "a", "--stop", "gh", "--seed", "3"],
        &[
            "generate",
            "letters",
            "a",
            "--seed",
            "4",
            "--temperature",
            "3",
            "--top-k",
            "20",
            "--top-p",
            "0.9",
            "--min-p",
            "0.01",
            "--repetition-penalty",
            "1.1",
            "--max-tokens",
            "30",
        ],
    ];
    // A server may leave the version to whoever asked for it.
    let unversioned = |ran: Ran| {
        let mut json = ran.expect(0).json();
        json.as_object_mut().unwrap().remove("version");
        json
    };
    let as_json = |draw: &[&'static str]| [draw, &["--format", "json"]].concat();
    let local: Vec<Value> = draws
        .iter()
        .map(|draw| unversioned(home.run(&as_json(draw))))
        .collect();

    let (server, url) = home.serve();
    for (draw, expected) in draws.iter().zip(local) {
        let answer = unversioned(ask(&home, &url, key, &as_json(draw)));
        assert_eq!(answer, expected, "{draw:?}");
    }
    let shown = ask(&home, &url, key, &["generate", "letters", "x"]).expect(0);
    assert_eq!(shown.stdout, "yz\n");
    for (arguments, part) in [
        (["generate", "ghost", "a"], "model \"ghost\""),
        (["generate", "digits", "a"], "text-generation"),
    ] {
        ask(&home, &url, key, &arguments).expect(2).complains(part);
    }
    drop(server);
}

#[test]
fn a_text_that_outlasts_the_drain_is_told_why_it_ends() {
    let home = Home::trained();
    import(&home, "endless", &gpt2());
    fs::write(
        home.path("mofang.toml"),
        "[connections]\ndrain_timeout_seconds = 2\n[serving]\nmax_generation_tokens = 100000000\n",
    )
    .unwrap();
    let create = ["keys", "create", "all", "--user", "quickstart", "--scope"];
    let key = home.run(&[&create[..], &["admin"]].concat()).expect(0);
    let (server, url) = home.serve();
    let mut child = home
        .command(&["generate", "endless", "a", "--max-tokens", "50000000"])
        .args(["--server", &url, "--api-key", key.stdout.trim()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut beginning = [0; 4];
    let stdout = child.stdout.as_mut().unwrap();
    stdout.read_exact(&mut beginning).unwrap();
    server.signal(Signal::TERM);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the server is shutting down"), "{said}");
    let (status, said) = server.wait();
    assert!(status.success(), "{said}");
}
