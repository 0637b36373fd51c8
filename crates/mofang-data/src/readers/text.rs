//! Texts with labels (CSV, TSV, JSON Lines, or lines that begin with their label), and documents without.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::text::text_of;
use crate::{DataError, Example, RawExample, RemovalReason, Removed, SplitName, Target};

use super::{ReadRows, class_of};

/// Most columns of a file (TRUST REL-32).
const COLUMNS_MAX: usize = 10_000;

/// What stands before the label of a line, as fastText writes it.
const LABEL_MARK: &str = "__label__";

/// How a file of texts is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFormat {
    /// Comma-separated values, quoted where they have to be.
    Csv,
    /// An object on each line.
    Jsonl,
    /// A text on each line, after `__label__` and its label.
    Lines,
    /// Values between tabs, never quoted.
    Tsv,
}

impl TextFormat {
    /// The format that a file's ending tells.
    fn of(file: &str) -> Option<Self> {
        let extension = Path::new(file).extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(Self::Csv),
            "json" | "jsonl" | "ndjson" => Some(Self::Jsonl),
            "tsv" | "tab" => Some(Self::Tsv),
            "txt" => Some(Self::Lines),
            _ => None,
        }
    }
}

/// Where text and label stand in a file of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextLayout {
    /// How the files are written; their ending tells it when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
    /// The names of the columns, for files without a line of names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The column of the text.
    pub text_column: String,
    /// The column of the label.
    pub label_column: String,
    /// What stands in the files for each label, where it is not the label itself; in the order of the
    /// entry's labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub label_values: Vec<String>,
}

impl Default for TextLayout {
    fn default() -> Self {
        Self {
            format: None,
            columns: Vec::new(),
            text_column: "text".to_owned(),
            label_column: "label".to_owned(),
            label_values: Vec::new(),
        }
    }
}

/// How a file of documents is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentFormat {
    /// Comma-separated values, quoted where they have to be.
    Csv,
    /// An object on each line.
    Jsonl,
    /// A document on each line.
    Lines,
    /// The whole file is a document.
    Plain,
    /// Values between tabs, never quoted.
    Tsv,
}

impl DocumentFormat {
    /// The format that a file's ending tells.
    fn of(file: &str) -> Option<Self> {
        match TextFormat::of(file)? {
            TextFormat::Csv => Some(Self::Csv),
            TextFormat::Jsonl => Some(Self::Jsonl),
            TextFormat::Lines => Some(Self::Plain),
            TextFormat::Tsv => Some(Self::Tsv),
        }
    }
}

/// Where the documents stand in their files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DocumentLayout {
    /// How the files are written; their ending tells it when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<DocumentFormat>,
    /// The names of the columns, for tables without a line of names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The column of the document.
    pub text_column: String,
}

impl Default for DocumentLayout {
    fn default() -> Self {
        Self {
            format: None,
            columns: Vec::new(),
            text_column: "text".to_owned(),
        }
    }
}

/// Reads the documents of a file.
///
/// # Errors
/// When its format is not known, a column is missing, or it is not of its format at all; a plain file that is not
/// UTF-8. A line that is not UTF-8 or has another number of columns is told among the removed.
pub(crate) fn read_documents(
    file: &str,
    bytes: &[u8],
    split: SplitName,
    layout: &DocumentLayout,
) -> Result<ReadRows, DataError> {
    let format = layout.format.or_else(|| DocumentFormat::of(file));
    let format = format.ok_or_else(|| {
        DataError::malformed(
            file,
            "its ending tells no format; set `format` to plain, lines, csv, tsv or jsonl",
        )
    })?;
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let columns = Columns {
        names: &layout.columns,
        text: &layout.text_column,
        label: None,
    };
    let lines = match format {
        DocumentFormat::Csv => table(file, bytes, columns, (b',', true))?,
        DocumentFormat::Tsv => table(file, bytes, columns, (b'\t', false))?,
        DocumentFormat::Jsonl => objects(bytes, columns),
        DocumentFormat::Lines => lines_of(bytes)
            .map(|(number, line)| (number, pair(line, b"")))
            .collect(),
        DocumentFormat::Plain => {
            let text = std::str::from_utf8(bytes).map_err(|error| {
                let place = error.valid_up_to();
                DataError::malformed(file, format!("it is not UTF-8: see byte {place}"))
            })?;
            vec![(1, Ok((text.to_owned(), String::new())))]
        }
    };
    let file = TextFile {
        file: file.to_owned(),
        lines,
    };
    Ok(file.into_examples(split, |_| Target::NextTokens))
}

/// Reads pairs of a table: of two columns what stands in each line.
///
/// # Errors
/// When its format is not known, a column is missing, or a line is no such pair.
pub(super) fn read_pairs(
    file: &str,
    bytes: &[u8],
    format: Option<TextFormat>,
    names: &[String],
    [first, second]: [&str; 2],
) -> Result<Vec<(String, String)>, DataError> {
    let columns = Columns {
        names,
        text: first,
        label: Some(second),
    };
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let lines = match format.or_else(|| TextFormat::of(file)) {
        Some(TextFormat::Csv) => table(file, bytes, columns, (b',', true))?,
        Some(TextFormat::Tsv) => table(file, bytes, columns, (b'\t', false))?,
        Some(TextFormat::Jsonl) => objects(bytes, columns),
        Some(TextFormat::Lines) | None => {
            return Err(DataError::malformed(
                file,
                "it is no table; set `format` to csv, tsv or jsonl",
            ));
        }
    };
    let pair = |(line, pair): Line| {
        pair.map_err(|reason| DataError::malformed(format!("{file}:{line}"), reason))
    };
    lines.into_iter().map(pair).collect()
}

/// A text with its label, or why a line has none, with the number of the line.
type Line = (u64, Result<(String, String), String>);

/// A file of texts before its labels are known.
#[derive(Debug)]
pub struct TextFile {
    file: String,
    lines: Vec<Line>,
}

impl TextFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When its format is not known, a column is missing, or it is not of its format at all. A line
    /// that is not UTF-8 or has another number of columns is kept as a fault.
    pub fn read(file: &str, bytes: &[u8], layout: &TextLayout) -> Result<Self, DataError> {
        let format = layout
            .format
            .or_else(|| TextFormat::of(file))
            .ok_or_else(|| {
                DataError::malformed(
                    file,
                    "its ending tells no format; set `format` to csv, tsv, jsonl or lines",
                )
            })?;
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let columns = Columns {
            names: &layout.columns,
            text: &layout.text_column,
            label: Some(&layout.label_column),
        };
        let lines = match format {
            TextFormat::Csv => table(file, bytes, columns, (b',', true))?,
            TextFormat::Tsv => table(file, bytes, columns, (b'\t', false))?,
            TextFormat::Jsonl => objects(bytes, columns),
            TextFormat::Lines => marked(bytes),
        };
        Ok(Self {
            file: file.to_owned(),
            lines,
        })
    }

    /// The labels that stand in it.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().filter_map(|(_, line)| line.as_ref().ok());
        lines
            .map(|(_, label)| label.as_str())
            .filter(|label| !label.is_empty())
    }

    /// The examples, and the lines that are none. A label that is not in `values` becomes an index
    /// outside of them, for cleaning to find.
    pub fn into_rows(self, split: SplitName, values: &[String]) -> ReadRows {
        self.into_examples(split, |label| Target::Class(class_of(values, label)))
    }

    fn into_examples(self, split: SplitName, target: impl Fn(&str) -> Target) -> ReadRows {
        let mut rows = ReadRows::default();
        for (line, content) in self.lines {
            let id = format!("{}:{line}", self.file);
            match content {
                Ok((text, label)) => rows.examples.push(Example {
                    id,
                    input: RawExample::Text(text),
                    target: target(&label),
                }),
                Err(detail) => rows.removed.push(Removed {
                    id,
                    split,
                    reason: RemovalReason::Unreadable,
                    detail,
                }),
            }
        }
        rows
    }
}

/// The columns of a file that are read.
#[derive(Debug, Clone, Copy)]
struct Columns<'a> {
    /// Of all, for files without a line of names.
    names: &'a [String],
    text: &'a str,
    /// None where texts have no label.
    label: Option<&'a str>,
}

fn table(
    file: &str,
    bytes: &[u8],
    wanted: Columns<'_>,
    (delimiter, is_quoted): (u8, bool),
) -> Result<Vec<Line>, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(wanted.names.is_empty())
        .delimiter(delimiter)
        .quoting(is_quoted)
        .from_reader(bytes);
    let columns: Vec<String> = if wanted.names.is_empty() {
        let header = reader
            .byte_headers()
            .map_err(|error| DataError::malformed(file, error))?;
        let names = header
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned());
        names.collect()
    } else {
        wanted.names.to_vec()
    };
    if columns.len() > COLUMNS_MAX {
        return Err(DataError::malformed(
            file,
            format!("{} columns, at most {COLUMNS_MAX} are read", columns.len()),
        ));
    }
    let place = |column: &str| {
        columns
            .iter()
            .position(|name| name == column)
            .ok_or_else(|| {
                let names: Vec<&str> = columns.iter().take(20).map(String::as_str).collect();
                let reason = format!("has no column \"{column}\"; there are {}", names.join(", "));
                DataError::malformed(file, reason)
            })
    };
    let text_at = place(wanted.text)?;
    let label_at = wanted.label.map(place).transpose()?;
    let mut lines = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|error| DataError::malformed(file, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let content = if record.len() == columns.len() {
            let field = |at: usize| record.get(at).unwrap_or_default();
            pair(field(text_at), label_at.map(field).unwrap_or_default())
        } else {
            Err(format!(
                "{} columns instead of {}",
                record.len(),
                columns.len()
            ))
        };
        lines.push((line, content));
    }
    Ok(lines)
}

/// A text and its label out of their bytes.
fn pair(text: &[u8], label: &[u8]) -> Result<(String, String), String> {
    let decoded = |bytes| text_of(bytes).map_err(|error| error.to_string());
    Ok((decoded(text)?.to_owned(), decoded(label)?.trim().to_owned()))
}

/// The lines that are not empty, counted from 1, without their ends.
fn lines_of(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    (1..)
        .zip(bytes.split(|byte| *byte == b'\n'))
        .map(|(number, line)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
}

fn objects(bytes: &[u8], wanted: Columns<'_>) -> Vec<Line> {
    let read = |line: &[u8]| {
        let line = text_of(line).map_err(|error| error.to_string())?;
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).map_err(|error| format!("it is no JSON object: {error}"))?;
        let field = |column: &str| match object.get(column) {
            Some(serde_json::Value::String(text)) => Ok(text.clone()),
            Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
                Ok(value.to_string())
            }
            Some(serde_json::Value::Null) | None => Err(format!("it has no \"{column}\"")),
            Some(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
                Err(format!("\"{column}\" is a list or an object"))
            }
        };
        let label = wanted.label.map(field).transpose()?.unwrap_or_default();
        Ok((field(wanted.text)?, label.trim().to_owned()))
    };
    lines_of(bytes)
        .map(|(number, line)| (number, read(line)))
        .collect()
}

fn marked(bytes: &[u8]) -> Vec<Line> {
    let read = |line: &[u8]| {
        let line = text_of(line).map_err(|error| error.to_string())?;
        let marked = line.trim_start().strip_prefix(LABEL_MARK);
        let (label, text) = marked
            .and_then(|line| line.split_once(char::is_whitespace))
            .ok_or_else(|| format!("it does not begin with {LABEL_MARK}, a label and a text"))?;
        Ok((text.to_owned(), label.to_owned()))
    };
    lines_of(bytes)
        .map(|(number, line)| (number, read(line)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(file: &str, bytes: &[u8], layout: &TextLayout) -> Result<ReadRows, DataError> {
        let values = ["ham", "spam"].map(str::to_owned);
        let file = TextFile::read(file, bytes, layout)?;
        Ok(file.into_rows(SplitName::Train, &values))
    }

    fn text(example: &Example) -> &str {
        let RawExample::Text(text) = &example.input else {
            panic!("no text");
        };
        text
    }

    #[test]
    fn every_format_gives_the_same_examples() {
        let named = TextLayout::default();
        let unnamed = TextLayout {
            columns: vec!["label".to_owned(), "text".to_owned()],
            ..TextLayout::default()
        };
        for (file, content, layout) in [
            (
                "a.csv",
                "text,label\r\n\"say \"\"hi\"\", 你好\",ham\r\nwin,spam\r\n",
                &named,
            ),
            (
                "a.tsv",
                "label\ttext\nham\tsay \"hi\", 你好\nspam\twin\n",
                &named,
            ),
            ("a.tsv", "ham\tsay \"hi\", 你好\nspam\twin", &unnamed),
            (
                "a.jsonl",
                "{\"text\": \"say \\\"hi\\\", 你好\", \"label\": \"ham\"}\n\n{\"label\": \"spam\", \"text\": \"win\"}\n",
                &named,
            ),
            (
                "a.txt",
                "__label__ham say \"hi\", 你好\n__label__spam win\n",
                &named,
            ),
        ] {
            let rows = rows(file, content.as_bytes(), layout).unwrap();
            assert!(rows.removed.is_empty(), "{file}: {:?}", rows.removed);
            let texts: Vec<&str> = rows.examples.iter().map(text).collect();
            assert_eq!(texts, ["say \"hi\", 你好", "win"], "{file}");
            let targets: Vec<Target> = rows.examples.iter().map(|e| e.target.clone()).collect();
            assert_eq!(targets, [Target::Class(0), Target::Class(1)], "{file}");
        }
    }

    #[test]
    fn documents_need_no_label() {
        let read = |file: &str, bytes: &[u8], layout: &DocumentLayout| {
            read_documents(file, bytes, SplitName::Train, layout)
        };
        let texts = |rows: &ReadRows| -> Vec<String> {
            let examples = rows.examples.iter();
            examples.map(|example| text(example).to_owned()).collect()
        };
        let default = DocumentLayout::default();
        let book = read("book.txt", "One.\n\n二。\n".as_bytes(), &default).unwrap();
        assert_eq!(texts(&book), ["One.\n\n二。\n"]);
        assert_eq!(book.examples[0].target, Target::NextTokens);
        let lines = DocumentLayout {
            format: Some(DocumentFormat::Lines),
            ..default.clone()
        };
        let lines = read("book.txt", b"a\n\nb\r\n\xff\n", &lines).unwrap();
        assert_eq!(texts(&lines), ["a", "b"]);
        assert_eq!(lines.removed.len(), 1);
        let poems = DocumentLayout {
            columns: ["title", "poem"].map(str::to_owned).to_vec(),
            text_column: "poem".to_owned(),
            ..default.clone()
        };
        let poems = read("poems.tsv", "春\t花\n秋\t月\n".as_bytes(), &poems).unwrap();
        assert_eq!(texts(&poems), ["花", "月"]);
        let objects = read("a.jsonl", b"{\"text\": \"x\"}\n{\"t\": 1}\n", &default).unwrap();
        assert_eq!(texts(&objects), ["x"]);
        assert_eq!(objects.removed.len(), 1);
        let error = read("book.txt", b"ab\xff", &default).unwrap_err();
        assert!(error.to_string().contains("byte 2"), "{error}");
        assert!(read("book.pdf", b"", &default).is_err());
    }

    #[test]
    fn bad_lines_are_kept_as_faults_with_their_numbers() {
        let rows_of = |file, bytes: &[u8]| rows(file, bytes, &TextLayout::default()).unwrap();
        let csv = rows_of("a.csv", b"text,label\nok,ham\nb\xffd,spam\nalone\nx,owl\n");
        assert_eq!(csv.examples.len(), 2);
        // A label that is not in the list: an index that cleaning finds.
        assert_eq!(csv.examples[1].target, Target::Class(2));
        assert_eq!(csv.removed[0].id, "a.csv:3");
        assert!(csv.removed[0].detail.contains("not UTF-8"));
        assert!(csv.removed[1].detail.contains("1 columns instead of 2"));
        let jsonl = rows_of(
            "a.jsonl",
            b"{\"text\": 3}\n[]\n{\"text\": [], \"label\": \"ham\"}\n",
        );
        assert_eq!(jsonl.removed.len(), 3, "{:?}", jsonl.removed);
        assert_eq!(rows_of("a.txt", b"no label\n\n").removed.len(), 1);
    }

    #[test]
    fn wrong_files_say_what_is_wrong() {
        let layout = TextLayout {
            text_column: "message".to_owned(),
            ..TextLayout::default()
        };
        for (file, part) in [
            ("a.csv", "has no column \"message\"; there are text, label"),
            ("a", "set `format`"),
        ] {
            let message = rows(file, b"text,label\n", &layout)
                .unwrap_err()
                .to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
