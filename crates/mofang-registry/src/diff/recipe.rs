//! Recipes compared by key, so that comments and order do not count.

use serde_json::Value;

use super::ValueChange;
use super::values;

/// Compares two recipes as TOML; as texts, where one of them is not TOML.
pub(super) fn compare(from: Option<&str>, to: Option<&str>) -> Vec<ValueChange> {
    match (from.map(parse), to.map(parse)) {
        (None, None) => Vec::new(),
        (Some(Some(from)), Some(Some(to))) => values::compare(&from, &to),
        _ if from == to => Vec::new(),
        _ => vec![ValueChange {
            path: String::new(),
            from: from.map(Value::from),
            to: to.map(Value::from),
        }],
    }
}

fn parse(text: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(text).ok()?;
    serde_json::to_value(table).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_differ_by_key_and_not_by_comment() {
        let old = "[train]\nseed = 1\nepochs = 5 # few\n";
        let new = "[train]\nepochs = 9\nseed = 1\n[model]\nname = \"digits\"\n";
        let shown: Vec<String> = compare(Some(old), Some(new))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            shown,
            [
                "model: (none) → {\"name\":\"digits\"}",
                "train.epochs: 5 → 9"
            ]
        );
        assert!(compare(Some(old), Some(old)).is_empty());
        assert!(compare(None, None).is_empty());
        assert_eq!(compare(None, Some(old)).len(), 1);
        assert_eq!(compare(Some("= no toml"), Some(old)).len(), 1);
    }
}
