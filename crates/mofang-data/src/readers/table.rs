//! Tables: an example for each row, with the column that is to be learned taken out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::table::{RawTable, RowFormat, is_missing, kind_of, number_of, read_table, text_of};
use crate::{
    Cell, ColumnKind, DataError, Example, RawExample, RemovalReason, Removed, Row, SplitName,
    TableSchema, Target,
};

use super::{ReadRows, class_of};

/// What is to be learned of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// One of a few labels.
    #[default]
    Category,
    /// A number.
    Number,
}

/// How a table is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// The file to learn from: `.jsonl` or `.ndjson` with an object on each line, CSV under any other
    /// ending.
    pub file: String,
    /// The file to judge by, where the authors give one; its columns are the same.
    #[serde(default)]
    pub test_file: Option<String>,
    /// What stands between the cells of a CSV row; found by the first line when left out.
    #[serde(default)]
    pub delimiter: Option<char>,
    /// The names of the columns, for a CSV file without a line of names.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The column that is to be learned.
    pub target: String,
    /// What it holds.
    #[serde(default)]
    pub target_kind: TargetKind,
    /// The label that a text of the target stands for, where it is not the label itself.
    #[serde(default)]
    pub target_labels: BTreeMap<String, String>,
    /// Further texts that mean that there is no value, besides nothing, `?`, `NA`, `N/A`, `NaN` and `null`.
    #[serde(default)]
    pub missing: Vec<String>,
    /// What columns hold, where looking at them would not tell: numbers that are codes, or a column to
    /// leave out.
    #[serde(default)]
    pub kinds: BTreeMap<String, ColumnKind>,
}

impl TableSpec {
    /// Checks what can be told without the file.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.delimiter.is_some_and(|mark| !mark.is_ascii()) {
            return Err("`delimiter` is no ASCII character".to_owned());
        }
        if !self.columns.is_empty() && !self.columns.contains(&self.target) {
            return Err(format!("`columns` lacks the target \"{}\"", self.target));
        }
        if self.kinds.contains_key(&self.target) {
            return Err(format!(
                "`kinds` names the target \"{}\"; `target_kind` says what that is",
                self.target
            ));
        }
        if self.target_kind == TargetKind::Number && !self.target_labels.is_empty() {
            return Err("`target_labels` are for a target of categories".to_owned());
        }
        Ok(())
    }

    fn raw(&self, file: &str, bytes: &[u8]) -> Result<RawTable, DataError> {
        let delimiter = self.delimiter.and_then(|mark| u8::try_from(mark).ok());
        read_table(
            file,
            RowFormat::of_name(file),
            bytes,
            &self.columns,
            delimiter,
            usize::MAX,
        )
    }

    /// The label that the target's text stands for.
    fn label<'a>(&'a self, text: &'a str) -> &'a str {
        self.target_labels.get(text).map_or(text, String::as_str)
    }
}

/// The files of a table, read.
#[derive(Debug)]
pub(crate) struct TableFiles {
    /// The labels of the classes; for numbers, the name of the target.
    pub(crate) labels: Vec<String>,
    /// The rows of each split, and those that are none.
    pub(crate) splits: BTreeMap<SplitName, ReadRows>,
    /// The columns that models are not given.
    pub(crate) ignored: BTreeSet<String>,
}

/// Reads the files of a table: that to learn from and, where there is one, that to judge by. What the
/// columns hold is found in the first. `labels` are the classes; where there is none, they are those of
/// the first file, sorted.
///
/// # Errors
/// When a file is no table, lacks the target, or a column that is said to hold numbers holds a text.
pub(crate) fn read_table_files(
    spec: &TableSpec,
    train: (&str, &[u8]),
    test: Option<(&str, &[u8])>,
    labels: &[String],
) -> Result<TableFiles, DataError> {
    let (name, bytes) = train;
    let table = spec.raw(name, bytes)?;
    let kinds = kinds_of(spec, name, &table)?;
    let labels = match spec.target_kind {
        TargetKind::Number => vec![spec.target.clone()],
        TargetKind::Category if labels.is_empty() => found_labels(spec, name, &table)?,
        TargetKind::Category => labels.to_vec(),
    };
    let mut splits = BTreeMap::from([(
        SplitName::Train,
        examples_of(spec, name, table, &kinds, &labels, SplitName::Train)?,
    )]);
    if let Some((name, bytes)) = test {
        let table = spec.raw(name, bytes)?;
        let rows = examples_of(spec, name, table, &kinds, &labels, SplitName::Test)?;
        splits.insert(SplitName::Test, rows);
    }
    let ignored = kinds
        .into_iter()
        .filter(|(_, kind)| *kind == ColumnKind::Ignored);
    Ok(TableFiles {
        labels,
        splits,
        ignored: ignored.map(|(name, _)| name).collect(),
    })
}

/// What is in the columns of the file to learn from.
///
/// # Errors
/// As [`read_table_files`].
pub(crate) fn read_schema(
    spec: &TableSpec,
    file: &str,
    bytes: &[u8],
) -> Result<TableSchema, DataError> {
    let mut table = spec.raw(file, bytes)?;
    blank_out(&mut table, &spec.missing);
    let rows = table
        .rows
        .iter()
        .filter_map(|(_, cells)| cells.as_deref().ok());
    Ok(TableSchema::of(
        &table.columns,
        rows,
        &spec.target,
        &spec.kinds,
    ))
}

/// What each column but the target holds.
fn kinds_of(
    spec: &TableSpec,
    file: &str,
    table: &RawTable,
) -> Result<BTreeMap<String, ColumnKind>, DataError> {
    for name in spec.kinds.keys().chain([&spec.target]) {
        if !table.columns.contains(name) {
            let hint = mofang_types::closest(name, table.columns.iter().map(String::as_str))
                .map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
            return Err(DataError::malformed(
                file,
                format!("has no column \"{name}\"{hint}"),
            ));
        }
    }
    let columns = table.columns.iter().enumerate();
    let kinds = columns
        .filter(|(_, name)| **name != spec.target)
        .map(|(index, name)| {
            let kind = spec.kinds.get(name).copied().unwrap_or_else(|| {
                let cells = table.rows.iter();
                let cells = cells.filter_map(|(_, cells)| cells.as_ref().ok()?.get(index));
                kind_of(cells, &spec.missing, false)
            });
            (name.clone(), kind)
        });
    Ok(kinds.collect())
}

fn found_labels(spec: &TableSpec, file: &str, table: &RawTable) -> Result<Vec<String>, DataError> {
    let at = table.columns.iter().position(|name| *name == spec.target);
    let labels: BTreeSet<String> = table
        .rows
        .iter()
        .filter_map(|(_, cells)| cells.as_ref().ok()?.get(at?))
        .filter(|cell| !is_missing(cell, &spec.missing))
        .map(|cell| spec.label(&text_of(cell)).to_owned())
        .collect();
    if labels.len() < 2 {
        let reason = format!(
            "the column \"{}\" has one value only; there is nothing to tell apart",
            spec.target
        );
        return Err(DataError::malformed(file, reason));
    }
    if labels.len() > LABELS_MAX {
        let reason = format!(
            "the column \"{}\" has {} different values, more than {LABELS_MAX}; \
             `target_kind = \"number\"` learns a number",
            spec.target,
            labels.len()
        );
        return Err(DataError::malformed(file, reason));
    }
    Ok(labels.into_iter().collect())
}

/// Most labels that are found by looking.
const LABELS_MAX: usize = 1_000;

fn blank_out(table: &mut RawTable, missing: &[String]) {
    for cell in table
        .rows
        .iter_mut()
        .filter_map(|(_, cells)| cells.as_mut().ok())
        .flatten()
    {
        if is_missing(cell, missing) {
            *cell = Cell::Missing;
        }
    }
}

fn examples_of(
    spec: &TableSpec,
    file: &str,
    mut table: RawTable,
    kinds: &BTreeMap<String, ColumnKind>,
    labels: &[String],
    split: SplitName,
) -> Result<ReadRows, DataError> {
    blank_out(&mut table, &spec.missing);
    let Some(target_at) = table.columns.iter().position(|name| *name == spec.target) else {
        return Err(DataError::malformed(
            file,
            format!("has no column \"{}\"", spec.target),
        ));
    };
    let features: Arc<[String]> = table
        .columns
        .iter()
        .filter(|name| **name != spec.target)
        .cloned()
        .collect();
    let kinds: Vec<ColumnKind> = features
        .iter()
        // A column that only the file to judge by has is given to no model.
        .map(|name| kinds.get(name).copied().unwrap_or(ColumnKind::Ignored))
        .collect();
    let mut rows = ReadRows::default();
    for (line, cells) in table.rows {
        let id = format!("{file}:{line}");
        let mut cells = match cells {
            Ok(cells) => cells,
            Err(detail) => {
                rows.removed.push(Removed {
                    id,
                    split,
                    reason: RemovalReason::Unreadable,
                    detail,
                });
                continue;
            }
        };
        let target = cells.remove(target_at);
        for ((cell, name), kind) in cells.iter_mut().zip(features.iter()).zip(&kinds) {
            typed(cell, *kind).map_err(|text| {
                DataError::malformed(
                    &id,
                    format!(
                        "the column \"{name}\" holds numbers, and \"{text}\" is none; \
                         name it in `missing`, or make the column a category in `kinds`"
                    ),
                )
            })?;
        }
        rows.examples.push(Example {
            id,
            input: RawExample::Row(Row::new(Arc::clone(&features), cells)?),
            target: target_of(spec, &target, labels),
        });
    }
    Ok(rows)
}

/// Gives a cell the form of its column's kind, or the text that cannot have it.
fn typed(cell: &mut Cell, kind: ColumnKind) -> Result<(), String> {
    match (kind, &*cell) {
        (_, Cell::Missing)
        | (ColumnKind::Ignored, _)
        | (ColumnKind::Category | ColumnKind::Date, Cell::Text(_)) => Ok(()),
        (ColumnKind::Number, present) => match number_of(present) {
            Some(number) => {
                *cell = Cell::Number(number);
                Ok(())
            }
            None => Err(text_of(present).chars().take(40).collect()),
        },
        (ColumnKind::Category | ColumnKind::Date, Cell::Number(_)) => {
            *cell = Cell::Text(text_of(cell));
            Ok(())
        }
        // Whether these are kept is seen again on the training split, for which their numbers count.
        (ColumnKind::Constant | ColumnKind::Identifier, present) => {
            if let Some(number) = number_of(present) {
                *cell = Cell::Number(number);
            }
            Ok(())
        }
    }
}

fn target_of(spec: &TableSpec, cell: &Cell, labels: &[String]) -> Target {
    match spec.target_kind {
        TargetKind::Number => Target::Number(number_of(cell).unwrap_or(f64::NAN)),
        TargetKind::Category => Target::Class(class_of(labels, spec.label(&text_of(cell)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(toml: &str) -> TableSpec {
        toml::from_str(&format!("file = \"t.csv\"\ntarget = \"y\"\n{toml}")).unwrap()
    }

    fn read(toml: &str, text: &str) -> Result<TableFiles, DataError> {
        read_table_files(&spec(toml), ("t.csv", text.as_bytes()), None, &[])
    }

    #[test]
    fn rows_become_typed_examples() {
        let files = read(
            "kinds = { code = \"category\", id = \"ignored\" }\ntarget_labels = { \"1\" = \"good\", \"2\" = \"bad\" }",
            "id,age,code,job,y\n1,39,7,clerk,1\n2,?,8,NA,2\n3,51,7,smith,\n",
        )
        .unwrap();
        assert_eq!(files.labels, ["bad", "good"]);
        assert_eq!(files.ignored, BTreeSet::from(["id".to_owned()]));
        let examples = &files.splits[&SplitName::Train].examples;
        let cell = |row: usize, name: &str| {
            let RawExample::Row(row) = &examples[row].input else {
                return None;
            };
            row.get(name).cloned()
        };
        assert_eq!(cell(0, "age"), Some(Cell::Number(39.0)));
        assert_eq!(cell(1, "age"), Some(Cell::Missing));
        assert_eq!(cell(0, "code"), Some(Cell::Text("7".to_owned())));
        assert_eq!(cell(1, "job"), Some(Cell::Missing));
        assert_eq!(cell(0, "y"), None);
        assert_eq!(examples[0].id, "t.csv:2");
        // The last has no label: an index that cleaning finds.
        let targets: Vec<Target> = examples
            .iter()
            .map(|example| example.target.clone())
            .collect();
        assert_eq!(targets, [1, 0, 2].map(Target::Class));
    }

    #[test]
    fn a_number_to_learn_is_named_by_its_column() {
        let files = read("target_kind = \"number\"", "a,y\n1,2.5\n2,x\n").unwrap();
        assert_eq!(files.labels, ["y"]);
        let examples = &files.splits[&SplitName::Train].examples;
        assert_eq!(examples[0].target, Target::Number(2.5));
        assert!(matches!(examples[1].target, Target::Number(number) if number.is_nan()));
    }

    #[test]
    fn a_label_of_the_test_file_that_training_never_saw_is_no_class() {
        let files = read_table_files(
            &spec("test_file = \"u.csv\""),
            ("t.csv", b"a,y\n1,p\n2,q\n"),
            Some(("u.csv", b"a,y\n1,p\n2,r\n")),
            &[],
        )
        .unwrap();
        assert_eq!(files.labels, ["p", "q"]);
        let test = &files.splits[&SplitName::Test].examples;
        assert_eq!(test[1].target, Target::Class(2));
    }

    #[test]
    fn what_cannot_be_a_table_to_learn_from_is_refused() {
        for (toml, text, part) in [
            ("", "a,z\n1,2\n", "no column \"y\""),
            ("", "", "0 columns"),
            ("", "a,y\n", "no row"),
            ("", "a,y\n1,same\n2,same\n", "one value only"),
            (
                "kinds = { a = \"number\" }",
                "a,y\n1,p\nbig,q\n",
                "t.csv:3: the column \"a\" holds numbers, and \"big\" is none",
            ),
            (
                "kinds = { agee = \"number\" }",
                "age,y\n1,p\n",
                "did you mean \"age\"?",
            ),
        ] {
            let message = read(toml, text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        // Rows that are no rows are left out and reported.
        let files = read("", "a,y\n1,p\n2\n3,q\n").unwrap();
        let rows = &files.splits[&SplitName::Train];
        assert_eq!((rows.examples.len(), rows.removed.len()), (2, 1));
        assert_eq!(rows.removed[0].id, "t.csv:3");
    }
}
