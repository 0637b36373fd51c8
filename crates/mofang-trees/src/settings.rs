//! How trees are grown.

use mofang_types::closest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::TreesError;

/// How trees are grown. The defaults are scikit-learn's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The share of each tree's answer that is added.
    pub learning_rate: f64,
    /// Most leaves of a tree.
    pub leaves_max: usize,
    /// Most splits from the root to a leaf; as many as there are when absent.
    pub depth_max: Option<usize>,
    /// Fewest rows of a leaf.
    pub leaf_rows_min: usize,
    /// What is added to the second derivative of a leaf, which draws its answer to zero.
    pub l2: f64,
    /// Most bins of a column.
    pub bins_max: usize,
    /// The share of the columns that each tree may look at.
    pub column_share: f64,
    /// The share of the rows that each tree learns from.
    pub row_share: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            learning_rate: 0.1,
            leaves_max: 31,
            depth_max: None,
            leaf_rows_min: 20,
            l2: 0.0,
            bins_max: 255,
            column_share: 1.0,
            row_share: 1.0,
        }
    }
}

/// One setting, for help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionSpec {
    /// The key.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
}

impl Settings {
    /// Every setting, in the order of the struct.
    pub const OPTIONS: [OptionSpec; 8] = [
        OptionSpec {
            name: "learning_rate",
            summary: "the share of each tree's answer that is added (0.1)",
        },
        OptionSpec {
            name: "leaves_max",
            summary: "most leaves of a tree (31)",
        },
        OptionSpec {
            name: "depth_max",
            summary: "most splits from the root to a leaf (any number)",
        },
        OptionSpec {
            name: "leaf_rows_min",
            summary: "fewest rows of a leaf (20)",
        },
        OptionSpec {
            name: "l2",
            summary: "draws the answers of leaves to zero (0)",
        },
        OptionSpec {
            name: "bins_max",
            summary: "most bins of a column (255)",
        },
        OptionSpec {
            name: "column_share",
            summary: "the share of the columns that each tree may look at (1)",
        },
        OptionSpec {
            name: "row_share",
            summary: "the share of the rows that each tree learns from (1)",
        },
    ];

    /// The settings that a recipe's configuration is.
    ///
    /// # Errors
    /// When a key is unknown, which the message names with a suggestion, or a value cannot be.
    pub fn from_config(config: &Value) -> Result<Self, TreesError> {
        let invalid = |reason: String| TreesError::Settings(reason);
        let settings = match config {
            Value::Null => Self::default(),
            Value::Object(table) => {
                let names = || Self::OPTIONS.iter().map(|option| option.name);
                if let Some(key) = table.keys().find(|key| names().all(|name| name != *key)) {
                    let hint = closest(key, names()).map_or_else(
                        || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                        |name| format!("did you mean \"{name}\"?"),
                    );
                    return Err(invalid(format!("it has no option \"{key}\"; {hint}")));
                }
                Self::deserialize(config).map_err(|error| invalid(error.to_string()))?
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(invalid("its configuration is not a table".to_owned()));
            }
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), TreesError> {
        let is_share = |share: f64| share > 0.0 && share <= 1.0;
        let faults = [
            (
                "learning_rate is not above 0 and at most 1",
                is_share(self.learning_rate),
            ),
            (
                "leaves_max is not from 2 to 4096",
                (2..=4096).contains(&self.leaves_max),
            ),
            (
                "depth_max is not from 1 to 64",
                self.depth_max.is_none_or(|depth| (1..=64).contains(&depth)),
            ),
            ("leaf_rows_min is 0", self.leaf_rows_min > 0),
            ("l2 is below 0", self.l2 >= 0.0 && self.l2.is_finite()),
            (
                "bins_max is not from 2 to 255",
                (2..=255).contains(&self.bins_max),
            ),
            (
                "column_share is not above 0 and at most 1",
                is_share(self.column_share),
            ),
            (
                "row_share is not above 0 and at most 1",
                is_share(self.row_share),
            ),
        ];
        match faults.iter().find(|(_, is_right)| !is_right) {
            Some((fault, _)) => Err(TreesError::Settings((*fault).to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read_and_wrong_ones_refused() {
        let settings = Settings::from_config(&json!({"leaves_max": 7})).unwrap();
        assert_eq!(settings.leaves_max, 7);
        assert_eq!(
            Settings::from_config(&Value::Null).unwrap(),
            Settings::default()
        );
        for (config, part) in [
            (json!({"leave_max": 7}), "did you mean \"leaves_max\"?"),
            (json!({"learning_rate": 0.0}), "learning_rate"),
            (json!({"bins_max": 256}), "bins_max"),
            (json!({"l2": "x"}), "invalid type"),
            (json!([1]), "not a table"),
        ] {
            let message = Settings::from_config(&config).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
