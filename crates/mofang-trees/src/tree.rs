//! A tree, as it is stored.

use serde::{Deserialize, Serialize};

use crate::bins::index_of;

/// A tree: nodes in order, the root first, every child behind its parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
}

/// A node of a tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Node {
    /// Adds a number.
    Leaf(f32),
    /// A number up to the bound goes left.
    Number {
        column: usize,
        bound: f32,
        missing_goes_left: bool,
        left: usize,
        right: usize,
    },
    /// One of the codes goes left.
    Category {
        column: usize,
        /// Sorted.
        codes: Vec<u32>,
        /// Whether codes beyond those that were known go left.
        others_go_left: bool,
        /// How many codes were known.
        known: u32,
        left: usize,
        right: usize,
    },
}

impl Tree {
    /// What it adds for a row.
    pub(crate) fn answer(&self, row: &[f32]) -> f32 {
        let mut place = 0;
        // A child stands behind its parent, so the end is reached.
        while let Some(node) = self.nodes.get(place) {
            place = match node {
                Node::Leaf(value) => return *value,
                Node::Number {
                    column,
                    bound,
                    missing_goes_left,
                    left,
                    right,
                } => {
                    let value = row.get(*column).copied().unwrap_or(f32::NAN);
                    let goes_left = if value.is_nan() {
                        *missing_goes_left
                    } else {
                        value <= *bound
                    };
                    if goes_left { *left } else { *right }
                }
                Node::Category {
                    column,
                    codes,
                    others_go_left,
                    known,
                    left,
                    right,
                } => {
                    let code = row.get(*column).copied().and_then(index_of);
                    let code = code.and_then(|code| u32::try_from(code).ok());
                    let goes_left = match code.filter(|code| code < known) {
                        Some(code) => codes.binary_search(&code).is_ok(),
                        None => *others_go_left,
                    };
                    if goes_left { *left } else { *right }
                }
            };
        }
        0.0
    }

    /// What is wrong with a tree that came from a file.
    pub(crate) fn check(&self, width: usize) -> Result<(), String> {
        if self.nodes.is_empty() {
            return Err("a tree has no node".to_owned());
        }
        for (place, node) in self.nodes.iter().enumerate() {
            let (column, left, right) = match node {
                Node::Leaf(value) if value.is_finite() => continue,
                Node::Leaf(_) => return Err("a leaf's answer is not finite".to_owned()),
                Node::Number {
                    column,
                    left,
                    right,
                    ..
                }
                | Node::Category {
                    column,
                    left,
                    right,
                    ..
                } => (*column, *left, *right),
            };
            if column >= width {
                return Err(format!("a node looks at column {column} of {width}"));
            }
            if left <= place || right <= place || left.max(right) >= self.nodes.len() {
                return Err(format!(
                    "the children of node {place} do not stand behind it"
                ));
            }
        }
        Ok(())
    }
}
