//! ONNX models by the binary, each in a process of its own.

use std::fs;

use mofang_onnx::testing::{TinyClassifier, memory_bomb, model_of};
use mofang_types::testing::reference_data;
use rustix::process::Signal;

use crate::server::ask;
use crate::support::Home;

/// A data directory with a model file, its labels, and small limits.
fn home() -> Home {
    let home = Home::new();
    let model = TinyClassifier::default().build();
    fs::write(home.path("model.onnx"), model).unwrap();
    fs::write(home.path("labels.txt"), "dark\ngrey\nlight\n").unwrap();
    let limits = "[hosts]\nmemory_bytes = 1073741824\n";
    fs::write(home.path("mofang.toml"), limits).unwrap();
    home
}

const IMPORT: &[&str] = &[
    "import",
    "model.onnx",
    "--name",
    "m",
    "--labels",
    "labels.txt",
    "--preset",
    "plain",
    "--license",
    "MIT",
    "--source",
    "a test",
];

#[test]
fn a_model_is_imported_and_asked() {
    let home = home();
    let imported = home.run(IMPORT).expect(0);
    assert_eq!(imported.stderr, "");
    for part in ["ONNX", "imported as m@1", "--random 1x8x8"] {
        assert!(imported.stdout.contains(part), "{}", imported.stdout);
    }
    let answer = home
        .run(&["predict", "m", "--random", "1x1x8x8"])
        .expect(0)
        .stdout;
    assert!(answer.starts_with("Predicted class: grey ("), "{answer}");
}

#[test]
fn what_the_engine_lacks_and_what_takes_all_memory_is_refused_and_not_published() {
    let home = home();
    let unknown = model_of(&[("Einsumm", &["x"], "y")], &[0, 1, 8, 8], &[0, 1, 8, 8]);
    fs::write(home.path("unknown.onnx"), unknown).unwrap();
    fs::write(home.path("bomb.onnx"), memory_bomb(1_000_000_000)).unwrap();
    for (file, part) in [
        ("unknown.onnx", "does not run Einsumm of opset 17"),
        ("bomb.onnx", "ran out of its 1024 MiB of memory"),
    ] {
        home.run(&["import", file, "--name", "m"])
            .expect(2)
            .complains(part);
    }
    home.run(&["models", "show", "m"]).expect(2).complains("m");
}

#[test]
fn a_server_serves_a_model_and_outlives_its_process() {
    let home = home();
    let user = ["users", "create", "ada", "--password-stdin"];
    home.run_with(&user, b"correct horse battery staple\n")
        .expect(0);
    let key = ["keys", "create", "all", "--user", "ada", "--scope", "admin"];
    let key = home.run(&key).expect(0).stdout.trim().to_owned();
    let (server, url) = home.serve();
    ask(&home, &url, &key, IMPORT).expect(0);
    let predict = ["predict", "m", "--random", "1x1x8x8"];
    let answer = ask(&home, &url, &key, &predict).expect(0).stdout;
    assert!(answer.starts_with("Predicted class: grey ("), "{answer}");
    // The model's process dies; the next request has another.
    let processes = server.children();
    assert_eq!(processes.len(), 1, "{processes:?}");
    server.kill(processes[0]);
    let again = ask(&home, &url, &key, &predict).expect(0).stdout;
    assert_eq!(again, answer);
    assert_ne!(server.children(), processes);
    // What would take the server's memory takes a process.
    fs::write(home.path("bomb.onnx"), memory_bomb(1_000_000_000)).unwrap();
    ask(
        &home,
        &url,
        &key,
        &["import", "bomb.onnx", "--name", "bomb"],
    )
    .expect(2)
    .complains("ran out of its 1024 MiB of memory");
    let again = ask(&home, &url, &key, &predict).expect(0).stdout;
    assert_eq!(again, answer);
    server.signal(Signal::TERM);
    let (status, said) = server.wait();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn mobilenet_tells_what_is_in_a_photograph() {
    let (Some(models), Some(photo)) = (
        reference_data("models"),
        reference_data("vision/photos/cat_720p.jpg"),
    ) else {
        return;
    };
    let home = Home::new();
    let model = models.join("onnx/mobilenet_v1_0.5_160-dequant.onnx");
    let labels = models.join("imagenet_index_to_name.json");
    home.run(&[
        "import",
        model.to_str().unwrap(),
        "--name",
        "mobilenet",
        "--preset",
        "inception",
        "--labels",
        labels.to_str().unwrap(),
    ])
    .expect(0);
    let answer = home
        .run(&["predict", "mobilenet", photo.to_str().unwrap()])
        .expect(0)
        .stdout;
    let cats = ["tiger_cat", "Egyptian_cat", "tabby"];
    assert!(
        cats.iter()
            .any(|cat| answer.starts_with(&format!("Predicted class: {cat}"))),
        "{answer}"
    );
}
