//! A JSON document as an indented outline for people.

use std::fmt::Write as _;

use serde_json::Value;

use crate::time_text;

/// Values that are longer than this are left out of outlines; `--format json` has them.
const TEXT_LENGTH_MAX: usize = 400;

/// Most items of a list that are shown one by one.
const ITEMS_MAX: usize = 60;

/// The outline of a document.
pub(crate) fn outline(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text
}

fn write(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                entry(&format!("{key}:"), key, value, depth, text);
            }
        }
        Value::Array(items) => {
            for item in items.iter().take(ITEMS_MAX) {
                entry("-", "", item, depth, text);
            }
            if items.len() > ITEMS_MAX {
                let (indent, more) = (" ".repeat(depth * 2), items.len() - ITEMS_MAX);
                let _ = writeln!(text, "{indent}… and {more} more (--format json shows all)");
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = writeln!(text, "{}", scalar("", value));
        }
    }
}

fn entry(label: &str, key: &str, value: &Value, depth: usize, text: &mut String) {
    let indent = " ".repeat(depth * 2);
    if let Some(inline) = inline(key, value) {
        let _ = writeln!(text, "{indent}{label} {inline}");
    } else {
        let _ = writeln!(text, "{indent}{label}");
        write(value, depth + 1, text);
    }
}

/// The value on one line, where it fits there.
fn inline(key: &str, value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => fields.is_empty().then(|| "none".to_owned()),
        Value::Array(items) => {
            let flat = items
                .iter()
                .all(|item| !item.is_object() && !item.is_array());
            if !flat {
                return None;
            }
            let texts: Vec<String> = items.iter().map(|item| scalar("", item)).collect();
            let joined = texts.join(", ");
            let shown = if items.is_empty() {
                "none".to_owned()
            } else {
                joined
            };
            (shown.chars().count() <= 100).then_some(shown)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Some(scalar(key, value))
        }
    }
}

fn scalar(key: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.chars().count() > TEXT_LENGTH_MAX || text.contains('\n') => {
            format!(
                "({} characters; --format json shows them)",
                text.chars().count()
            )
        }
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(millis), _) if key.ends_with("_unix_ms") => time_text::rfc3339(millis),
            (None, Some(real)) if number.is_f64() => format!("{real:.6}")
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_owned(),
            _ => number.to_string(),
        },
        Value::Bool(value) => value.to_string(),
        Value::Array(_) | Value::Object(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_are_readable() {
        let text = outline(&json!({
            "name": "digits",
            "created_unix_ms": 0,
            "metrics": { "accuracy": 0.98 },
            "labels": ["0", "1"],
            "files": [{ "path": "a" }],
            "note": null,
        }));
        assert_eq!(
            text,
            "created_unix_ms: 1970-01-01T00:00:00Z\nfiles:\n  -\n    path: a\nlabels: 0, 1\n\
             metrics:\n  accuracy: 0.98\nname: digits\nnote: -\n"
        );
    }
}
