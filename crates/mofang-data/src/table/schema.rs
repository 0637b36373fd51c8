//! What the columns of a table hold, found by looking at them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::date::DateFormat;
use super::{ColumnKind, is_missing, number_of, text_of};
use crate::Cell;

/// Up to so many rows a column in which every value is another may be one by chance.
const IDENTIFIER_ROWS_MIN: usize = 50;

/// A column of texts of which more than this share are different says who a row is, not what.
const IDENTIFIER_SHARE: f64 = 0.9;

/// A column, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// The name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Rows without a value.
    pub missing: usize,
    /// How many different values there are.
    pub distinct: usize,
    /// A few of them, for people.
    pub examples: Vec<String>,
}

/// The columns of a table, as they were found in the file to learn from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// The column that is to be learned.
    pub target: String,
    /// Rows.
    pub rows: usize,
    /// Every column but the target, in the order of the file.
    pub columns: Vec<ColumnSchema>,
}

/// How many different values are shown.
const EXAMPLES_MAX: usize = 3;

impl TableSchema {
    /// The schema of rows of cells under `columns`; `kinds` says what is known already.
    pub(crate) fn of<'a, R>(
        columns: &[String],
        rows: R,
        target: &str,
        kinds: &BTreeMap<String, ColumnKind>,
    ) -> Self
    where
        R: Iterator<Item = &'a [Cell]> + Clone,
    {
        let found = columns
            .iter()
            .enumerate()
            .filter(|(_, name)| *name != target);
        let columns = found.map(|(index, name)| {
            let cells = rows.clone().filter_map(|row| row.get(index));
            let mut seen = BTreeSet::new();
            let mut missing = 0;
            let mut examples: Vec<String> = Vec::new();
            for cell in cells.clone() {
                if is_missing(cell, &[]) {
                    missing += 1;
                } else {
                    let text = text_of(cell);
                    if examples.len() < EXAMPLES_MAX && !examples.contains(&text) {
                        examples.push(text.clone());
                    }
                    seen.insert(text);
                }
            }
            ColumnSchema {
                name: name.clone(),
                kind: kinds
                    .get(name)
                    .copied()
                    .unwrap_or_else(|| kind_of(cells, &[], false)),
                missing,
                distinct: seen.len(),
                examples,
            }
        });
        Self {
            target: target.to_owned(),
            columns: columns.collect(),
            rows: rows.count(),
        }
    }
}

/// What a column holds, from its cells in the order of the rows; `missing` are further texts that say
/// that there is no value. In a file everything is a text, and texts of numbers are numbers; once a
/// reader `has_typed` the cells, a text that looks like a number is the name of a category.
pub(crate) fn kind_of<'a>(
    cells: impl Iterator<Item = &'a Cell> + Clone,
    missing: &[String],
    has_typed: bool,
) -> ColumnKind {
    let present = || cells.clone().filter(|cell| !is_missing(cell, missing));
    let count = present().count();
    let distinct: BTreeSet<String> = present().map(text_of).collect();
    if distinct.len() <= 1 {
        return ColumnKind::Constant;
    }
    let is_number = |cell: &Cell| match cell {
        Cell::Missing | Cell::Text(_) if has_typed => false,
        Cell::Missing | Cell::Text(_) | Cell::Number(_) => number_of(cell).is_some(),
    };
    if present().all(is_number) {
        return if count >= IDENTIFIER_ROWS_MIN && counts_rows(present().filter_map(number_of)) {
            ColumnKind::Identifier
        } else {
            ColumnKind::Number
        };
    }
    let texts = || {
        present().filter_map(|cell| match cell {
            Cell::Text(text) => Some(text.as_str()),
            Cell::Missing | Cell::Number(_) => None,
        })
    };
    if texts().count() == count && DateFormat::of(texts()).is_some() {
        ColumnKind::Date
    } else if count >= IDENTIFIER_ROWS_MIN
        && distinct.len() as f64 > IDENTIFIER_SHARE * count as f64
    {
        ColumnKind::Identifier
    } else {
        ColumnKind::Category
    }
}

/// Whether the numbers are those of rows: whole, each above the one before, and most of them there. A
/// split of a table has not all of them.
fn counts_rows(numbers: impl Iterator<Item = f64>) -> bool {
    let (mut first, mut last, mut count) = (None, f64::NEG_INFINITY, 0_usize);
    for number in numbers {
        if number.fract() != 0.0 || number <= last {
            return false;
        }
        first.get_or_insert(number);
        last = number;
        count += 1;
    }
    first.is_some_and(|first| last - first < 3.0 * count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: impl Iterator<Item = String>) -> Vec<Cell> {
        texts.map(Cell::Text).collect()
    }

    fn kind(texts: impl Iterator<Item = String>) -> ColumnKind {
        kind_of(cells(texts).iter(), &[], false)
    }

    #[test]
    fn each_kind_is_found() {
        let repeated = |words: &'static [&'static str]| {
            kind((0..100).map(move |row| words[row % words.len()].to_owned()))
        };
        assert_eq!(repeated(&["1", "2.5", "?"]), ColumnKind::Number);
        assert_eq!(repeated(&["red", "blue", ""]), ColumnKind::Category);
        assert_eq!(repeated(&["red", "7"]), ColumnKind::Category);
        assert_eq!(repeated(&["same", "NA"]), ColumnKind::Constant);
        assert_eq!(repeated(&["?"]), ColumnKind::Constant);
        assert_eq!(repeated(&["1/1/2011", "1/2/2011"]), ColumnKind::Date);
        assert_eq!(
            kind((0..100).map(|row| format!("C{row:04}"))),
            ColumnKind::Identifier
        );
        // Every second row of a file went elsewhere.
        assert_eq!(
            kind((0..100).map(|row| (2 * row + 7).to_string())),
            ColumnKind::Identifier
        );
        // Different measurements are no identifiers, and neither are few rows.
        assert_eq!(
            kind((0..100).map(|row| (f64::from(row) * 0.37).to_string())),
            ColumnKind::Number
        );
        assert_eq!(kind((0..10).map(|row| row.to_string())), ColumnKind::Number);
        let codes = cells((0..100).map(|row| (row % 3).to_string()));
        assert_eq!(kind_of(codes.iter(), &[], true), ColumnKind::Category);
    }
}
