//! JSON values compared by path.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One place at which two values differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueChange {
    /// Where, e.g. `train.optimizer.name` or `transforms[2].mean[0]`; empty for the whole.
    pub path: String,
    /// The value in the first version; `None` when there is none.
    pub from: Option<Value>,
    /// The value in the second version; `None` when there is none.
    pub to: Option<Value>,
}

impl fmt::Display for ValueChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| {
            value
                .as_ref()
                .map_or_else(|| "(none)".to_owned(), Value::to_string)
        };
        write!(
            f,
            "{}: {} → {}",
            self.path,
            show(&self.from),
            show(&self.to)
        )
    }
}

/// The places at which `from` and `to` differ, in order.
pub(super) fn compare(from: &Value, to: &Value) -> Vec<ValueChange> {
    let mut changes = Vec::new();
    descend(String::new(), Some(from), Some(to), &mut changes);
    changes
}

/// As [`compare`], of what serializes to JSON.
pub(super) fn compare_serialized<T: Serialize>(from: &T, to: &T) -> Vec<ValueChange> {
    // Data of manifests, which came from JSON, so neither side can fail.
    let value = |data: &T| serde_json::to_value(data).unwrap_or_default();
    compare(&value(from), &value(to))
}

fn descend(path: String, from: Option<&Value>, to: Option<&Value>, changes: &mut Vec<ValueChange>) {
    match (from, to) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                descend(path, old.get(key), new.get(key), changes);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                let path = format!("{path}[{index}]");
                descend(path, old.get(index), new.get(index), changes);
            }
        }
        (from, to) if from == to => {}
        (from, to) => changes.push(ValueChange {
            path,
            from: from.cloned(),
            to: to.cloned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_named_by_their_path() {
        let old = json!({ "a": 1, "b": [1, 2, { "c": true }], "gone": null });
        let new = json!({ "a": 1, "b": [1, 3, { "c": false }, 4], "new": {} });
        let shown: Vec<String> = compare(&old, &new)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            shown,
            [
                "b[1]: 2 → 3",
                "b[2].c: true → false",
                "b[3]: (none) → 4",
                "gone: null → (none)",
                "new: (none) → {}",
            ]
        );
        assert!(compare(&old, &old).is_empty());
    }
}
