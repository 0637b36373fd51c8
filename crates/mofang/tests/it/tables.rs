//! A table of one's own: from a file to answers in the shell.

use std::fmt::Write as _;
use std::fs;

use rustix::process::Signal;

use crate::support::Home;

/// A table whose last column says whether somebody may leave; `id` counts the rows, and of some nobody
/// knows the age.
fn table() -> String {
    let mut text = "id;age;plan;left\n".to_owned();
    for row in 0..400_u32 {
        let age = 18 + row * 37 % 60;
        let plan = ["basic", "plus", "gold"][row as usize * 7 % 3];
        let left = if age > 45 || plan == "basic" {
            "yes"
        } else {
            "no"
        };
        let shown = if row % 11 == 0 {
            "?".to_owned()
        } else {
            age.to_string()
        };
        let _ = writeln!(text, "{row};{shown};{plan};{left}");
    }
    text
}

const ENTRY: &str = r#"
name = "customers"
labels = ["no", "yes"]
[reader]
type = "table"
file = "customers.csv"
target = "left"
"#;

const RECIPE: &str = r#"
format_version = 1
[model]
name = "churn"
task = "tabular-classification"
[data]
dataset = "customers.toml"
[pipeline]
transforms = [{ type = "columns" }, { type = "encode_categories" }]
decoders = [{ type = "softmax" }, { type = "top_k", k = 2 }, { type = "labels" }]
[architecture]
name = "gradient_boosting"
[train]
seed = 1
[train.stop]
epochs = 30
[evaluate.gate]
accuracy = 0.8
"#;

fn home() -> Home {
    let home = Home::new();
    fs::write(home.path("customers.csv"), table()).unwrap();
    fs::write(home.path("customers.toml"), ENTRY).unwrap();
    fs::write(home.path("recipe.toml"), RECIPE).unwrap();
    home
}

#[test]
fn a_table_is_learned_from_and_rows_are_asked_about() {
    let home = home();
    let trained = home.run(&["train", "recipe.toml"]).expect(0);
    assert!(
        trained.stderr.contains("\"id\" is left out: identifier"),
        "{}",
        trained.stderr
    );

    let row = r#"{"age": 60, "plan": "gold", "colour": "more than was learned"}"#;
    let answer = home.run(&["predict", "churn", "--row", row]).expect(0);
    assert!(
        answer.stdout.starts_with("Predicted class: yes"),
        "{}",
        answer.stdout
    );

    // Each row is an answer, and a bad one fails alone.
    fs::write(home.path("rows.csv"), "plan,age\nplus,20\nplus\nbasic,?\n").unwrap();
    let rows = home
        .run(&["predict", "churn", "rows.csv", "--format", "json"])
        .expect(2);
    let lines = rows.json_lines();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["prediction"]["classes"][0]["label"], "no");
    assert_eq!(lines[2]["prediction"]["classes"][0]["label"], "yes");
    assert!(
        lines[1]["error"].as_str().unwrap().contains("1 cells"),
        "{:?}",
        lines[1]
    );

    fs::write(
        home.path("rows.jsonl"),
        "{\"age\": 60, \"plan\": \"gold\"}\n",
    )
    .unwrap();
    let answer = home.run(&["predict", "churn", "rows.jsonl"]).expect(0);
    assert!(answer.stdout.contains("yes"), "{}", answer.stdout);

    for (row, part) in [
        (r#"{"age": 60}"#, "no column \"plan\""),
        (r#"{"age": "old", "plan": "gold"}"#, "\"old\" is none"),
        (r#"{"age": [1], "plan": "gold"}"#, "\"age\" is a list"),
    ] {
        home.run(&["predict", "churn", "--row", row])
            .expect(2)
            .complains(part);
    }
    let evaluated = home.run(&[
        "evaluate",
        "churn",
        "--dataset",
        "customers.toml:test",
        "--format",
        "json",
    ]);
    assert!(evaluated.expect(0).stdout.contains("roc_auc"));
}

#[test]
fn a_run_of_trees_that_is_stopped_says_that_it_begins_again() {
    let home = home();
    let endless = RECIPE.replace("epochs = 30", "epochs = 1000000");
    fs::write(home.path("recipe.toml"), endless).unwrap();
    let running = home.start(&["train", "recipe.toml"], "epoch 1 ");
    running.signal(Signal::INT);
    let (status, said) = running.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("trees have no checkpoints"), "{said}");
    assert!(!said.contains("a checkpoint is written"), "{said}");
    let listed = home.run(&["runs", "list", "--format", "json"]);
    let run = listed.expect(0).json()[0].take();
    assert_eq!(run["status"], "interrupted");
    let reason = run["reason"].as_str().unwrap();
    assert!(reason.ends_with("; trees have no checkpoints"), "{reason}");
    // It begins with the first tree, and says so.
    let running = home.start(&["train", "recipe.toml", "--resume"], "epoch 1 ");
    assert!(
        running.said.contains("grown from the first again"),
        "{}",
        running.said
    );
}

#[test]
fn tables_that_cannot_be_learned_from_say_why() {
    let home = home();
    for (text, part) in [
        ("", "0 columns"),
        ("id;age;plan;left\n", "no row"),
        ("id;age;plan\n1;2;a\n", "no column \"left\""),
    ] {
        fs::write(home.path("customers.csv"), text).unwrap();
        home.run(&["train", "recipe.toml"])
            .expect(2)
            .complains(part);
    }
    let one_class = table().replace(";no\n", ";yes\n");
    fs::write(home.path("customers.csv"), one_class).unwrap();
    home.run(&["train", "recipe.toml"])
        .expect(2)
        .complains("nothing to tell apart");
}
