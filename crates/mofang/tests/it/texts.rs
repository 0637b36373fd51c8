//! Models of texts, from a table of one's own to an answer.

use std::fmt::Write as _;
use std::fs;

use rustix::process::Signal;

use crate::support::Home;

const RECIPE: &str = r#"
format_version = 1

[model]
name = "orders"
task = "text-classification"

[data]
dataset = "orders.toml"

[pipeline]
transforms = [
    { type = "clean_text", lowercase = true },
    { type = "tokenize", model = "words", vocabulary_size = 400, min_frequency = 1 },
    { type = "truncate", length_max = 12 },
]
decoders = [{ type = "softmax" }, { type = "top_k", k = 1 }, { type = "labels" }]

[[augmentations]]
type = "token_swap"
probability = 0.1

[architecture]
name = "recurrent"

[architecture.config]
embedding_size = 16
hidden_size = 16
pooling = "max"

[train]
seed = 3
batch_size = 8
group_by_length = true
optimizer = { name = "adamw", learning_rate = 0.02 }
checkpoint_every_steps = 3

[train.stop]
epochs = 30
"#;

/// A directory with a table of texts in two classes and a recipe for it.
fn home_with_texts() -> Home {
    let home = Home::new();
    let mut rows = "message,kind\n".to_owned();
    for number in 0..160 {
        let verb = [["buy", "order"], ["return", "refund"]][number % 2][number / 2 % 2];
        let filling = ["please,", "today", "a book", "两本书", "for me", "👍"];
        let words: Vec<&str> = (0..number % 5)
            .map(|place| filling[(number * 5 + place * 3) % filling.len()])
            .collect();
        let kind = ["sale", "complaint"][number % 2];
        writeln!(
            rows,
            "\"{} {verb} it, number {number}\",{kind}",
            words.join(" ")
        )
        .unwrap();
    }
    fs::write(home.path("orders.csv"), rows).unwrap();
    let entry = "name = \"orders\"\n[reader]\ntype = \"text\"\ntrain = [\"orders.csv\"]\n\
        layout = { text_column = \"message\", label_column = \"kind\" }\n";
    fs::write(home.path("orders.toml"), entry).unwrap();
    fs::write(home.path("recipe.toml"), RECIPE).unwrap();
    home
}

fn digest(home: &Home) -> String {
    let runs = home.run(&["runs", "list", "--format", "json"]).expect(0);
    let digest = &runs.json()[0]["weights_digest"];
    digest.as_str().unwrap().to_owned()
}

#[test]
fn texts_are_learned_and_asked_about() {
    let home = home_with_texts();
    home.run(&["train", "recipe.toml"]).expect(0);
    let asked = |arguments: &[&str]| home.run(&[&["predict", "orders"], arguments].concat());
    let first = asked(&["--text", "I want to order it"]).expect(0).stdout;
    assert!(first.starts_with("Predicted class: sale"), "{first}");
    fs::write(home.path("one.txt"), "please refund\nit").unwrap();
    let one = asked(&["one.txt"]).expect(0).stdout;
    assert!(one.starts_with("Predicted class: complaint"), "{one}");
    let lines = asked(&["one.txt", "--lines", "--format", "json"]).expect(0);
    assert_eq!(lines.json_lines().len(), 2);
    let table = asked(&[
        "orders.csv",
        "--lines",
        "--column",
        "message",
        "--output",
        "-",
    ]);
    assert_eq!(table.expect(0).json_lines().len(), 160);
    asked(&["orders.csv", "--lines"])
        .expect(2)
        .complains("no column \"text\"; there are message, kind");

    // Beyond what the model reads: cut off, and said so.
    let long = format!("buy {}", "it ".repeat(20));
    let told = asked(&["--text", &long]).expect(0).stdout;
    assert!(
        told.contains("warning: the text has 21 tokens; only the first 12"),
        "{told}"
    );
    let told = asked(&["--text", &long, "--format", "json"])
        .expect(0)
        .json();
    assert!(told["warnings"][0].as_str().unwrap().contains("21 tokens"));
    let table = asked(&["--text", "buy it", "--text", &long, "--format", "csv"]).expect(0);
    assert_eq!(table.stdout.lines().count(), 3, "{}", table.stdout);
    assert!(
        table.stderr.contains("warning: input 2 (buy it it")
            && table.stderr.contains("): the text has 21 tokens"),
        "{}",
        table.stderr
    );
    assert!(!table.stderr.contains("input 1"), "{}", table.stderr);
    asked(&["--text", " "]).expect(2).complains("it is empty");
    fs::write(home.path("latin.txt"), b"caf\xe9").unwrap();
    asked(&["latin.txt"])
        .expect(2)
        .complains("not UTF-8: byte 0xe9 at 3");
}

#[test]
fn rel_1_a_run_over_texts_that_is_killed_ends_with_the_same_weights() {
    let whole = home_with_texts();
    whole
        .run(&["train", "recipe.toml", "--no-publish"])
        .expect(0);
    let home = home_with_texts();
    for epoch in ["epoch 2 ", "epoch 5 "] {
        let arguments = match epoch {
            "epoch 2 " => &["train", "recipe.toml", "--no-publish"][..],
            _ => &["train", "recipe.toml", "--resume", "--no-publish"],
        };
        let running = home.start(arguments, epoch);
        running.signal(Signal::KILL);
        running.wait();
    }
    home.run(&["train", "recipe.toml", "--resume", "--no-publish"])
        .expect(0);
    assert_eq!(digest(&home), digest(&whole));
}
