//! Where in a recipe an error stands, in words.

use mofang_types::with_suggestion;

/// The error with its table, its line and, for an unknown name, a suggestion.
pub(super) fn describe(text: &str, error: &toml::de::Error) -> String {
    let message = with_suggestion(error.message());
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return message;
    };
    let line = before.matches('\n').count() + 1;
    // The line itself counts: an error can stand in a header.
    let end = text.get(before.len()..).and_then(|rest| rest.find('\n'));
    let through = text
        .get(..before.len() + end.unwrap_or(0))
        .unwrap_or(before);
    let table = through.lines().rev().find_map(header);
    match table {
        Some(table) => format!("in {table}, line {line}: {message}"),
        None => format!("line {line}: {message}"),
    }
}

/// The table that a line begins, with its brackets.
fn header(line: &str) -> Option<&str> {
    let line = line.trim();
    let end = line.rfind(']')?;
    let is_header = line.starts_with('[') && !line.contains(['=', ',', '{', '"']);
    is_header.then(|| line.get(..=end)).flatten()
}
