//! A running server, and the same commands through it.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Home, Ran};

/// Asks the server of `home`, which is not told of its directory.
pub(crate) fn ask(home: &Home, url: &str, key: &str, arguments: &[&str]) -> Ran {
    let mut all = arguments.to_vec();
    all.extend(["--server", url, "--api-key", key]);
    home.run(&all)
}

/// The same command with its result for programs.
fn as_json<'a>(command: &[&'a str]) -> Vec<&'a str> {
    [command, &["--format", "json"]].concat()
}

fn send(url: &str, path: &str, bearer: Option<&str>, body: &Value) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut request = agent.post(format!("{url}{path}"));
    if let Some(bearer) = bearer {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    let mut answer = request.send_json(body).unwrap();
    let status = answer.status().as_u16();
    (status, answer.body_mut().read_json().unwrap_or_default())
}

#[test]
fn commands_give_the_same_through_a_server_as_on_its_directory() {
    let home = Home::trained();
    let key = home
        .run(&[
            "keys",
            "create",
            "all",
            "--user",
            "quickstart",
            "--scope",
            "admin",
        ])
        .expect(0)
        .stdout
        .trim()
        .to_owned();
    let (image, _) = home.image();
    let image = image.to_str().unwrap();
    let commands: [&[&str]; 9] = [
        &["models", "list"],
        &["models", "show", "digits@production"],
        &["models", "versions", "digits"],
        &["models", "diff", "digits@1", "digits@production"],
        &["models", "alias", "digits", "production", "--history"],
        &["datasets", "list"],
        &["users", "list"],
        &["predict", "digits", image],
        &["evaluate", "digits@1", "--dataset", "digits:test"],
    ];
    let local: Vec<Value> = commands
        .iter()
        .map(|command| home.run(&as_json(command)).expect(0).json())
        .collect();

    let (server, url) = home.serve();
    for (command, expected) in commands.iter().zip(local) {
        let answer = ask(&home, &url, &key, &as_json(command)).expect(0).json();
        assert_eq!(answer, expected, "{command:?}");
    }
    ask(
        &home,
        &url,
        &key,
        &["models", "tag", "digits@1", "seen=yes"],
    )
    .expect(0);
    ask(
        &home,
        &url,
        &key,
        &["models", "alias", "digits@1", "staging"],
    )
    .expect(0);
    let vgg = crate::import::file("vgg.pth");
    let import = [
        "import",
        &vgg,
        "--name",
        "shapes",
        "--image-shape",
        "3x40x48",
    ];
    let imported = ask(&home, &url, &key, &import).expect(0).stdout;
    assert!(imported.contains("imported as shapes@1"), "{imported}");
    let random = ["predict", "shapes", "--random", "1x3x40x48"];
    let answer = ask(&home, &url, &key, &random).expect(0).stdout;
    assert!(answer.starts_with("Predicted class: class "), "{answer}");
    let listed = ask(&home, &url, &key, &["models", "list"]).expect(0).stdout;
    assert!(listed.contains("staging=1"), "{listed}");
    let doctor = ask(&home, &url, &key, &["doctor"]).expect(0).stdout;
    assert!(doctor.contains("ok    database"), "{doctor}");

    // What only the machine itself has says so.
    ask(&home, &url, &key, &["train", "x.toml"])
        .expect(2)
        .complains("leave --server out");
    ask(&home, &url, "mf_wrong", &["models", "list"])
        .expect(1)
        .complains("status 401");
    home.run(&["models", "list", "--server", &url])
        .expect(1)
        .complains("--api-key-file");
    ask(&home, &url, &key, &["models", "show", "ghost"])
        .expect(2)
        .complains("ghost");

    server.signal(Signal::TERM);
    let (status, said) = server.wait();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn a_new_user_registers_logs_in_makes_a_key_and_asks() {
    let home = Home::trained();
    // A fresh directory of accounts with the model of the old one.
    let users = home
        .run(&["users", "list", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(users.as_array().unwrap().len(), 1);
    let (server, url) = home.serve();
    let secrets = fs::read(home.data_dir().join("keys").join("quickstart.json")).unwrap();
    let secrets: Value = serde_json::from_slice(&secrets).unwrap();
    let credentials = json!({"name": secrets["user"], "password": secrets["password"]});
    let (status, session) = send(&url, "/v1/sessions", None, &credentials);
    assert_eq!(status, 201, "{session}");
    let admin = session["token"].as_str().unwrap();

    // Registration is closed by default: nobody but an admin makes accounts.
    let ada = json!({"name": "ada", "password": "seven purple walnuts"});
    let (status, problem) = send(&url, "/v1/users", None, &ada);
    assert_eq!(status, 403, "{problem}");
    let mut wanted = ada.clone();
    wanted["role"] = json!("caller");
    let (status, user) = send(&url, "/v1/users", Some(admin), &wanted);
    assert_eq!(status, 201, "{user}");

    let (status, session) = send(&url, "/v1/sessions", None, &ada);
    assert_eq!(status, 201, "{session}");
    let token = session["token"].as_str().unwrap();
    let key = json!({"name": "laptop", "scopes": ["infer"]});
    let (status, key) = send(&url, "/v1/keys", Some(token), &key);
    assert_eq!(status, 201, "{key}");
    let key = key["key"].as_str().unwrap();

    let (image, label) = home.image();
    let ran = ask(
        &home,
        &url,
        key,
        &["predict", "digits", image.to_str().unwrap()],
    );
    let expected = format!("Predicted class: {label} (");
    assert!(ran.expect(0).stdout.starts_with(&expected));
    ask(&home, &url, key, &["models", "delete", "digits", "--all"])
        .expect(1)
        .complains("status 403");
    drop(server);
}

#[test]
fn the_first_user_comes_in_over_http_on_an_empty_directory() {
    let home = Home::new();
    let server = home.start(&["serve"], "there are no users yet");
    let url = server
        .said
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .unwrap();
    let ada = json!({"name": "ada", "password": "seven purple walnuts"});
    let (status, user) = send(url, "/v1/users", None, &ada);
    assert_eq!(status, 201, "{user}");
    assert_eq!(user["role"], "admin");
    let (status, problem) = send(url, "/v1/models/ghost/predict", None, &json!({}));
    assert_eq!(status, 401, "{problem}");
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let home = Home::trained();
    let (server, url) = home.serve();
    for command in [&["serve"][..], &["models", "list"], &["train", "x.toml"]] {
        let refused = home.run(command).expect(1);
        refused.complains("in use by `mofang serve` (process ");
        refused.complains(&url);
    }
    // The doctor says who it is and is content.
    let doctor = home.run(&["doctor"]).expect(0).stdout;
    assert!(doctor.contains("held by `mofang serve`"), "{doctor}");
    // Killed, it leaves nothing that would keep the next one out.
    server.signal(Signal::KILL);
    server.wait();
    home.run(&["models", "list"]).expect(0);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let home = Home::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ran = home.run(&["serve", "--listen", &address]).expect(1);
    ran.complains(&address);
    home.run(&["serve", "--listen", "everywhere"])
        .expect(2)
        .complains("127.0.0.1:8080");
}
