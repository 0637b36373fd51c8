//! What is said in the files of a dataset: a table beside them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text::{TextFormat, read_pairs};
use crate::DataError;

/// Where it is written what is said in each file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcripts {
    /// The table: CSV, TSV or JSON lines.
    pub table: String,
    /// How it is written; its ending tells it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
    /// The names of its columns, where it has no line of names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The column of the file: its path or its name, with or without the ending.
    #[serde(default = "default_file_column")]
    pub file_column: String,
    /// The column of what is said in it.
    #[serde(default = "default_text_column")]
    pub text_column: String,
    /// What of it is a label.
    #[serde(default)]
    pub units: Units,
}

fn default_file_column() -> String {
    "file".to_owned()
}

fn default_text_column() -> String {
    "text".to_owned()
}

/// What of a text is a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Units {
    /// Every character, a space between two words among them.
    #[default]
    Characters,
    /// Every word.
    Words,
}

impl Units {
    /// The labels of a text; white space counts as one space, and none at the ends.
    pub(super) fn of(self, text: &str) -> Vec<&str> {
        let words = text.split_whitespace();
        match self {
            Self::Words => words.collect(),
            Self::Characters => words
                .enumerate()
                .flat_map(|(place, word)| {
                    let space = (place > 0).then_some(" ");
                    space.into_iter().chain(characters_of(word))
                })
                .collect(),
        }
    }
}

fn characters_of(word: &str) -> impl Iterator<Item = &str> {
    word.split("").filter(|character| !character.is_empty())
}

/// What is said in each file.
#[derive(Debug, Clone, Default)]
pub struct TranscriptFile {
    texts: BTreeMap<String, String>,
    pub(super) units: Units,
}

impl TranscriptFile {
    /// Reads the table.
    ///
    /// # Errors
    /// When its format is not known, a column is missing, or a line of it is no pair of a file and a text.
    pub(crate) fn read(layout: &Transcripts, bytes: &[u8]) -> Result<Self, DataError> {
        let columns = [layout.file_column.as_str(), layout.text_column.as_str()];
        let pairs = read_pairs(
            &layout.table,
            bytes,
            layout.format,
            &layout.columns,
            columns,
        )?;
        Ok(Self {
            texts: pairs.into_iter().collect(),
            units: layout.units,
        })
    }

    /// What is said in a file, by its path, by its name, and by both without their endings.
    pub(super) fn text_of(&self, path: &str) -> Option<&str> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let stem = |path: &'_ str| path.rsplit_once('.').map(|(stem, _)| stem.to_owned());
        let candidates = [
            Some(path.to_owned()),
            stem(path),
            Some(name.to_owned()),
            stem(name),
        ];
        let mut found = candidates
            .iter()
            .flatten()
            .filter_map(|key| self.texts.get(key));
        found.next().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_path_or_its_name() {
        let layout: Transcripts = serde_json::from_str(
            r#"{"table": "metadata.csv", "file_column": "file_name", "text_column": "transcription"}"#,
        )
        .unwrap();
        let table = "file_name,transcription\nclips/a.wav,good  day\nb,你好\n";
        let file = TranscriptFile::read(&layout, table.as_bytes()).unwrap();
        assert_eq!(file.text_of("clips/a.wav"), Some("good  day"));
        assert_eq!(file.text_of("train/b.flac"), Some("你好"));
        assert_eq!(file.text_of("c.wav"), None);
        assert_eq!(Units::Words.of("good  day"), ["good", "day"]);
        assert_eq!(Units::Characters.of(" a  b "), ["a", " ", "b"]);
        let error = TranscriptFile::read(&layout, b"file_name,text\na,b\n").unwrap_err();
        assert!(error.to_string().contains("transcription"), "{error}");
    }
}
