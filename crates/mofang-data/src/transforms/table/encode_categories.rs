//! Codes for categories.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::table::{is_missing, number_of, text_of};
use crate::{Cell, DataError};

/// The code of a category that training has not seen, or too seldom.
const OTHER: u32 = 0;

/// The code of what is missing.
const MISSING: u32 = 1;

/// The first code of a category of its own.
const FIRST: u32 = 2;

/// Replaces each category by a code: 0 for one that training has not seen or too seldom, 1 for what is
/// missing, and from 2 on those of the training data in the order of their texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeCategories {
    /// How often a category has to occur in the training data to have a code of its own.
    #[serde(default = "one")]
    pub count_min: usize,
    /// The most categories of a column; of more, the rarest share code 0.
    #[serde(default = "most")]
    pub categories_max: usize,
    /// The categories of each column, in the order of their codes. Found in the training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<BTreeMap<String, Vec<String>>>,
}

fn one() -> usize {
    1
}

fn most() -> usize {
    1_000
}

impl EncodeCategories {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        if self.count_min >= 1 && (1..=10_000).contains(&self.categories_max) {
            return Ok(());
        }
        Err(DataError::InvalidPipeline(
            "`encode_categories`: count_min is at least 1, and categories_max from 1 to 10000"
                .to_owned(),
        ))
    }

    /// Finds the categories of a column.
    pub(crate) fn fit<'a>(
        &mut self,
        column: &str,
        cells: impl Iterator<Item = &'a Cell>,
        missing: &[String],
    ) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for cell in cells.filter(|cell| !is_missing(cell, missing)) {
            *counts.entry(text_of(cell)).or_default() += 1;
        }
        let mut often: Vec<(String, usize)> = counts
            .into_iter()
            .filter(|(_, count)| *count >= self.count_min)
            .collect();
        // Stable, so that of equally rare ones the later texts go.
        often.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        often.truncate(self.categories_max);
        let mut texts: Vec<String> = often.into_iter().map(|(text, _)| text).collect();
        texts.sort();
        let all = self.categories.get_or_insert_default();
        all.insert(column.to_owned(), texts);
    }
}

/// The codes of a column, ready to be looked up.
#[derive(Debug, Clone)]
pub(crate) struct Categories {
    codes: HashMap<String, u32>,
    /// The codes of categories that are numbers, so that 1, 1.0 and "1" are the same.
    numbers: HashMap<u64, u32>,
}

impl Categories {
    pub(crate) fn new(texts: &[String]) -> Self {
        let codes = || texts.iter().zip(FIRST..);
        let number = |text: &String| number_of(&Cell::Text(text.clone())).map(key);
        Self {
            numbers: codes()
                .filter_map(|(text, code)| Some((number(text)?, code)))
                .collect(),
            codes: codes()
                .flat_map(|(text, code)| [(text.clone(), code), (folded(text), code)])
                .collect(),
        }
    }

    /// How many codes there are.
    pub(crate) fn count(texts: &[String]) -> usize {
        texts.len() + FIRST as usize
    }

    /// The code of a cell.
    pub(crate) fn code(&self, cell: &Cell, missing: &[String]) -> u32 {
        if is_missing(cell, missing) {
            return MISSING;
        }
        let text = text_of(cell);
        let by_text = self
            .codes
            .get(&text)
            .or_else(|| self.codes.get(&folded(&text)));
        by_text
            .or_else(|| self.numbers.get(&key(number_of(cell)?)))
            .copied()
            .unwrap_or(OTHER)
    }
}

/// JSON writes `true`, spreadsheets `TRUE` and Python `True`; any other text stays as it is.
fn folded(text: &str) -> String {
    let is_boolean = ["true", "false"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    if is_boolean {
        text.to_ascii_lowercase()
    } else {
        text.to_owned()
    }
}

fn key(number: f64) -> u64 {
    // Of the two zeros one is enough.
    (number + 0.0).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn rare_and_unseen_share_a_code_and_missing_has_its_own() {
        let mut step = EncodeCategories {
            count_min: 2,
            categories_max: 2,
            categories: None,
        };
        let cells = ["b", "b", "a", "a", "a", "c", "c", "rare", "?"].map(text);
        step.fit("job", cells.iter(), &[]);
        let texts = &step.categories.unwrap()["job"];
        assert_eq!(texts, &["a", "b"]);
        assert_eq!(Categories::count(texts), 4);
        let categories = Categories::new(texts);
        let code = |cell: &Cell| categories.code(cell, &[]);
        assert_eq!(
            [
                text("a"),
                text(" b "),
                text("c"),
                text("new"),
                Cell::Missing,
                text("NA")
            ]
            .map(|cell| code(&cell)),
            [2, 3, 0, 0, 1, 1]
        );
    }

    #[test]
    fn numbers_and_truth_values_are_found_however_they_are_written() {
        let categories = Categories::new(&["1", "10", "FALSE", "TRUE"].map(str::to_owned));
        for (cell, code) in [
            (Cell::Number(1.0), 2),
            (text("1.0"), 2),
            (Cell::Number(10.0), 3),
            (text("true"), 5),
            (text("False"), 4),
            (Cell::Number(2.0), 0),
        ] {
            assert_eq!(categories.code(&cell, &[]), code, "{cell:?}");
        }
    }
}
