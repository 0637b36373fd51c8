//! Which columns a model is given, and what they hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::table::{DateFormat, is_missing, kind_of, suspicious};
use crate::{Cell, ColumnKind, DataError, Example, RawExample, Row};

/// Says which columns there are and what they hold: `number`, `category` or `date`. Constant columns
/// and identifiers are left out. It is the first step of every pipeline of rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// What columns hold, where looking at them would not tell; `ignored` leaves one out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, ColumnKind>,
    /// Further texts that mean that there is no value, besides nothing, `?`, `NA`, `N/A`, `NaN` and `null`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The columns that a model is given. Found in the training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Vec<Column>>,
    /// The columns that it is not given, and why. Found in the training data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, ColumnKind>,
    /// Columns that tell the target almost by themselves, and how much of it. Found in the training data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub suspicious: BTreeMap<String, f64>,
}

/// A column that a model is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name.
    pub name: String,
    /// What it holds.
    #[serde(flatten)]
    pub kind: UsedKind,
}

/// What a column that a model is given holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum UsedKind {
    /// One of a few texts.
    Category,
    /// A day, perhaps with a time.
    Date {
        /// How it is written.
        format: DateFormat,
        /// Whether a time stands behind the day.
        has_time: bool,
    },
    /// A quantity.
    Number,
}

impl Columns {
    /// Looks at the columns of the training examples.
    pub(crate) fn fit(&mut self, examples: &[Example]) -> Result<(), DataError> {
        let rows: Vec<&Row> = examples.iter().filter_map(row_of).collect();
        let Some(first) = rows.first().filter(|_| rows.len() == examples.len()) else {
            return Err(DataError::InvalidPipeline(
                "`columns` needs rows of a table to learn from".to_owned(),
            ));
        };
        let names = first.columns();
        if let Some(unknown) = self.kinds.keys().find(|name| !names.contains(name)) {
            let hint = mofang_types::closest(unknown, names.iter().map(String::as_str))
                .map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
            return Err(DataError::InvalidPipeline(format!(
                "`columns`: there is no column \"{unknown}\"{hint}"
            )));
        }
        let mut used = Vec::new();
        for name in names.iter() {
            let cells = || rows.iter().filter_map(|row| row.get(name));
            let kind = self
                .kinds
                .get(name)
                .copied()
                .unwrap_or_else(|| kind_of(cells(), &self.missing, true));
            let kind = match kind {
                ColumnKind::Category => UsedKind::Category,
                ColumnKind::Number => UsedKind::Number,
                ColumnKind::Date => self.date_of(name, cells())?,
                ColumnKind::Constant | ColumnKind::Identifier | ColumnKind::Ignored => {
                    self.left_out.insert(name.clone(), kind);
                    continue;
                }
            };
            if let Some(share) = suspicious(examples, name, kind == UsedKind::Number) {
                // Six digits are enough, and the same on every machine.
                self.suspicious
                    .insert(name.clone(), (share * 1e6).round() / 1e6);
            }
            used.push(Column {
                name: name.clone(),
                kind,
            });
        }
        if used.is_empty() {
            return Err(DataError::InvalidPipeline(
                "`columns`: every column is constant, an identifier or ignored; nothing is left to learn from"
                    .to_owned(),
            ));
        }
        self.used = Some(used);
        Ok(())
    }

    fn date_of<'a>(
        &self,
        name: &str,
        cells: impl Iterator<Item = &'a Cell> + Clone,
    ) -> Result<UsedKind, DataError> {
        let texts = || {
            let present = cells
                .clone()
                .filter(|cell| !is_missing(cell, &self.missing));
            present.filter_map(|cell| match cell {
                Cell::Text(text) => Some(text.as_str()),
                Cell::Missing | Cell::Number(_) => None,
            })
        };
        let format = DateFormat::of(texts()).ok_or_else(|| {
            DataError::InvalidPipeline(format!(
                "`columns`: \"{name}\" holds no dates of one form, such as 2011-12-31, 12/31/2011 or 31.12.2011"
            ))
        })?;
        let has_time = texts()
            .filter_map(|text| format.parse(text))
            .any(|moment| moment.hour.is_some());
        Ok(UsedKind::Date { format, has_time })
    }

    /// What was found, for people.
    pub(crate) fn notes(&self) -> Vec<String> {
        let left_out = self
            .left_out
            .iter()
            .map(|(name, kind)| format!("the column \"{name}\" is left out: {kind}"));
        let suspicious = self.suspicious.iter().map(|(name, share)| {
            format!(
                "the column \"{name}\" tells {:.0} % of the target by itself; if it is only known \
                 afterwards, name it in `kinds` as \"ignored\"",
                share * 100.0
            )
        });
        left_out.chain(suspicious).collect()
    }
}

fn row_of(example: &Example) -> Option<&Row> {
    match &example.input {
        RawExample::Row(row) => Some(row),
        RawExample::Encoded(_)
        | RawExample::Pixels(_)
        | RawExample::Tensor(_)
        | RawExample::Text(_) => None,
    }
}
