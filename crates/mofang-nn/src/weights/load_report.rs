//! What came of loading weights.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which differences between a file and a network are errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Every difference.
    Exact,
    /// None: what fits is taken, the rest stays as it was, and the report says which is which.
    Partial,
}

/// A tensor that is in the file and in the network, with different shapes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MisShaped {
    /// The name.
    pub name: String,
    /// The network's shape.
    pub expected: Vec<usize>,
    /// The file's shape.
    pub actual: Vec<usize>,
}

/// What came of loading weights.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadReport {
    /// How many tensors were taken.
    pub loaded: usize,
    /// In the network, not in the file.
    pub missing: Vec<String>,
    /// In the file, not in the network.
    pub unexpected: Vec<String>,
    /// In both, with different shapes.
    pub mis_shaped: Vec<MisShaped>,
}

/// How many names a message lists before it says how many more there are.
const LISTED_MAX: usize = 5;

impl LoadReport {
    /// Whether file and network have the same names and shapes.
    pub fn is_exact(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.mis_shaped.is_empty()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} loaded", self.loaded)?;
        let mis_shaped: Vec<String> = self
            .mis_shaped
            .iter()
            .map(|item| {
                format!(
                    "{} ({:?} in the file, {:?} in the network)",
                    item.name, item.actual, item.expected
                )
            })
            .collect();
        for (what, names) in [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("mis-shaped", &mis_shaped),
        ] {
            if !names.is_empty() {
                let listed: Vec<&str> = names.iter().take(LISTED_MAX).map(String::as_str).collect();
                write!(f, "; {} {what}: {}", names.len(), listed.join(", "))?;
                if names.len() > LISTED_MAX {
                    write!(f, " and {} more", names.len() - LISTED_MAX)?;
                }
            }
        }
        Ok(())
    }
}
