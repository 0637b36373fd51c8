//! The help of every command, as it was last accepted.

use std::fmt::Write as _;

use crate::support::Home;

#[test]
fn the_help_is_the_accepted_one() {
    let home = Home::new();
    let mut pages = String::new();
    let mut waiting = vec![vec![]];
    while let Some(path) = waiting.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let page = home.run(&arguments).expect(0).stdout;
        // Global options are the same everywhere; the first page shows them.
        let shown = if path.is_empty() {
            page.as_str()
        } else {
            page.split("\nGlobal options:").next().unwrap()
        };
        let _ = writeln!(pages, "$ mofang {}\n{shown}", arguments.join(" "));
        let commands = page
            .split("\nCommands:\n")
            .nth(1)
            .unwrap_or_default()
            .lines()
            .take_while(|line| !line.is_empty())
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next());
        let mut below: Vec<Vec<String>> = commands
            .map(|name| [path.as_slice(), &[name.to_owned()]].concat())
            .collect();
        below.reverse();
        waiting.extend(below);
    }
    insta::assert_snapshot!(pages);
}

#[test]
fn a_mistyped_command_or_flag_gets_a_suggestion() {
    let home = Home::new();
    let ran = home.run(&["modls", "list"]).expect(2);
    assert!(ran.stderr.contains("'models'"), "{}", ran.stderr);
    let ran = home.run(&["models", "list", "--fromat", "json"]).expect(2);
    assert!(ran.stderr.contains("'--format'"), "{}", ran.stderr);
}
