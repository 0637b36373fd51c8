//! The catalogue: which datasets there are, where their files come from, and how to read them.
//!
//! An entry is a TOML file. Those of the catalogue are compiled in; a user's own is named by path.
//! `docs/adding-a-dataset.md` says how to write one.

use std::collections::BTreeSet;
use std::path::Path;

use mofang_types::{ArtifactDigest, closest, with_suggestion};
use serde::{Deserialize, Serialize};

use crate::readers::{DocumentLayout, RecordingNames, Strings, TextLayout, Transcripts};
use crate::{DataError, TableSpec, TargetKind};

/// A file of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueFile {
    /// The name in the dataset's folder.
    pub name: String,
    /// Where it comes from; absent when it is compiled in, lies beside the entry, or only mirrors have it.
    #[serde(default)]
    pub url: Option<String>,
    /// Its SHA-256; required with `url`.
    #[serde(default)]
    pub sha256: Option<ArtifactDigest>,
    /// Its size.
    #[serde(default)]
    pub size_bytes: Option<u64>,
}

/// How the files are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReaderSpec {
    /// Pairs of IDX files; `test_*` may be absent.
    Idx {
        /// The file of the training images.
        train_images: String,
        /// The file of their labels.
        train_labels: String,
        /// The file of the test images.
        #[serde(default)]
        test_images: Option<String>,
        /// The file of their labels.
        #[serde(default)]
        test_labels: Option<String>,
    },
    /// A folder of sound files, relative to the entry: `split/class/file` or `class/file`, or what `names`
    /// says.
    AudioFolder {
        /// The folder.
        folder: String,
        /// What the names of the files say.
        #[serde(default)]
        names: Option<RecordingNames>,
        /// Where it is written what is said in each file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transcripts: Option<Transcripts>,
        /// How recordings are put together into longer ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        strings: Option<Strings>,
    },
    /// A tar archive of sound files: `split/class/file` or `class/file`, or what `names` says.
    AudioTar {
        /// The archive.
        file: String,
        /// What the names of the files say.
        #[serde(default)]
        names: Option<RecordingNames>,
        /// Where it is written what is said in each file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transcripts: Option<Transcripts>,
        /// How recordings are put together into longer ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        strings: Option<Strings>,
    },
    /// Files of documents without labels, which a language model learns to go on with. A single document is split
    /// by position: its end becomes the test split, and the end of the rest the validation split.
    Documents {
        /// The files of the training split, or of all that is to be split.
        train: Vec<String>,
        /// The files of the validation split, where the dataset has one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        validation: Vec<String>,
        /// The files of the test split, where the dataset has one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        test: Vec<String>,
        /// How they are written, and where the document stands.
        #[serde(default)]
        layout: DocumentLayout,
    },
    /// A tar archive of `split/class/file`.
    ImageTar {
        /// The archive.
        file: String,
    },
    /// A folder of `split/class/file` or `class/file`, relative to the entry.
    ImageFolder {
        /// The folder.
        folder: String,
    },
    /// A CSV file with a column per sample.
    CsvPixels {
        /// The file.
        file: String,
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
        /// The largest sample.
        sample_max: f32,
        /// The column of the label.
        label_column: String,
    },
    /// A table, one example for each row.
    Table(TableSpec),
    /// Files of texts with labels.
    Text {
        /// The files of the training split, or of all that is to be split.
        train: Vec<String>,
        /// The files of the validation split, where the dataset has one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        validation: Vec<String>,
        /// The files of the test split, where the dataset has one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        test: Vec<String>,
        /// How they are written, and where text and label stand.
        #[serde(default)]
        layout: TextLayout,
    },
}

/// How long the texts of a dataset are, in characters; cleaning removes others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLength {
    /// At least.
    #[serde(default)]
    pub min: usize,
    /// At most.
    #[serde(default = "text_length_max")]
    pub max: usize,
}

const fn text_length_max() -> usize {
    crate::text::TEXT_BYTES_MAX
}

/// The size that every image of a dataset has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// A dataset of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueEntry {
    /// The name, e.g. `fashion-mnist`.
    pub name: String,
    /// The full name.
    #[serde(default)]
    pub title: String,
    /// What is in it, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// The licence, as an SPDX identifier where there is one.
    #[serde(default)]
    pub license: String,
    /// How its authors want to be cited.
    #[serde(default)]
    pub citation: String,
    /// Where it is described.
    #[serde(default)]
    pub homepage: String,
    /// The labels of the classes, by index; a folder or archive of images or recordings and files of
    /// texts may leave them out.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The size of every image, where it is fixed; cleaning removes images of another size.
    #[serde(default)]
    pub image_size: Option<ImageSize>,
    /// How long every text is; cleaning removes others.
    #[serde(default)]
    pub text_length: Option<TextLength>,
    /// How the files are read.
    pub reader: ReaderSpec,
    /// The files.
    #[serde(default)]
    pub files: Vec<CatalogueFile>,
}

impl CatalogueEntry {
    /// Reads an entry; `source` names it in errors.
    ///
    /// # Errors
    /// When the TOML is malformed or lacks something.
    pub fn parse(source: &str, text: &str) -> Result<Self, DataError> {
        let entry: Self = toml::from_str(text)
            .map_err(|error| DataError::malformed(source, with_suggestion(&error.to_string())))?;
        let malformed = |reason: &str| Err(DataError::malformed(source, reason));
        let names_its_classes = matches!(
            entry.reader,
            ReaderSpec::AudioFolder { .. }
                | ReaderSpec::AudioTar { .. }
                | ReaderSpec::Documents { .. }
                | ReaderSpec::ImageTar { .. }
                | ReaderSpec::ImageFolder { .. }
                | ReaderSpec::Table(_)
                | ReaderSpec::Text { .. }
        );
        if let ReaderSpec::AudioFolder {
            names,
            transcripts,
            strings,
            ..
        }
        | ReaderSpec::AudioTar {
            names,
            transcripts,
            strings,
            ..
        } = &entry.reader
        {
            let names_are_good = names.as_ref().map_or(Ok(()), RecordingNames::check);
            names_are_good
                .and_then(|()| strings.as_ref().map_or(Ok(()), Strings::check))
                .map_err(|error| DataError::malformed(source, error))?;
            if transcripts.is_some() && (names.is_some() || strings.is_some()) {
                return malformed(
                    "`transcripts` tell what is said; `names` and `strings` are for files without",
                );
            }
        }
        if let ReaderSpec::Table(table) = &entry.reader {
            table
                .check()
                .map_err(|reason| DataError::malformed(source, reason))?;
            if table.target_kind == TargetKind::Number && !entry.labels.is_empty() {
                return malformed("`labels` are for a target of categories");
            }
        }
        if matches!(entry.reader, ReaderSpec::Documents { .. }) && !entry.labels.is_empty() {
            return malformed("`labels` are for texts that have some; documents have none");
        }
        if entry.labels.is_empty() && !names_its_classes {
            return malformed("`labels` is missing: the labels of the classes, by index");
        }
        if entry.labels.iter().collect::<BTreeSet<_>>().len() != entry.labels.len() {
            return malformed("`labels` has the same label twice");
        }
        if let ReaderSpec::Text { layout, .. } = &entry.reader
            && !layout.label_values.is_empty()
            && layout.label_values.len() != entry.labels.len()
        {
            return Err(DataError::malformed(
                source,
                format!(
                    "`label_values` has {} values, and there are {} labels",
                    layout.label_values.len(),
                    entry.labels.len()
                ),
            ));
        }
        for file in &entry.files {
            if file.url.is_some() && file.sha256.is_none() {
                return Err(DataError::malformed(
                    source,
                    format!("{} has a url but no sha256", file.name),
                ));
            }
            if Path::new(&file.name).components().count() != 1
                || file.name.contains(['/', '\\', '\0'])
                || file.name == ".."
            {
                return Err(DataError::malformed(
                    source,
                    format!("\"{}\" is no plain file name", file.name),
                ));
            }
        }
        Ok(entry)
    }
}

/// The files that are compiled in, by dataset and name.
const EMBEDDED: &[(&str, &str, &[u8])] = &[
    (
        "digits",
        "digits-images-idx3-ubyte.gz",
        include_bytes!("../data/digits-images-idx3-ubyte.gz"),
    ),
    (
        "digits",
        "digits-labels-idx1-ubyte.gz",
        include_bytes!("../data/digits-labels-idx1-ubyte.gz"),
    ),
];

/// A file that is compiled in.
pub(crate) fn embedded(dataset: &str, file: &str) -> Option<&'static [u8]> {
    EMBEDDED
        .iter()
        .find(|(of, name, _)| *of == dataset && *name == file)
        .map(|(_, _, bytes)| *bytes)
}

/// All entries that are compiled in.
#[derive(Debug, Clone)]
pub struct Catalogue {
    entries: Vec<CatalogueEntry>,
}

impl Catalogue {
    /// The catalogue of this binary.
    ///
    /// # Errors
    /// When an entry is malformed, which a test rules out.
    pub fn builtin() -> Result<Self, DataError> {
        let sources = [
            (
                "catalogue/adult.toml",
                include_str!("../catalogue/adult.toml"),
            ),
            (
                "catalogue/banking77.toml",
                include_str!("../catalogue/banking77.toml"),
            ),
            (
                "catalogue/bike-sharing.toml",
                include_str!("../catalogue/bike-sharing.toml"),
            ),
            (
                "catalogue/breast-cancer-wdbc.toml",
                include_str!("../catalogue/breast-cancer-wdbc.toml"),
            ),
            (
                "catalogue/chinese-poetry.toml",
                include_str!("../catalogue/chinese-poetry.toml"),
            ),
            (
                "catalogue/clothing-small-96.toml",
                include_str!("../catalogue/clothing-small-96.toml"),
            ),
            (
                "catalogue/credit-card-default.toml",
                include_str!("../catalogue/credit-card-default.toml"),
            ),
            (
                "catalogue/diabetes-regression.toml",
                include_str!("../catalogue/diabetes-regression.toml"),
            ),
            (
                "catalogue/digits.toml",
                include_str!("../catalogue/digits.toml"),
            ),
            (
                "catalogue/fashion-mnist.toml",
                include_str!("../catalogue/fashion-mnist.toml"),
            ),
            (
                "catalogue/fsdd.toml",
                include_str!("../catalogue/fsdd.toml"),
            ),
            (
                "catalogue/fsdd-strings.toml",
                include_str!("../catalogue/fsdd-strings.toml"),
            ),
            (
                "catalogue/german-credit.toml",
                include_str!("../catalogue/german-credit.toml"),
            ),
            (
                "catalogue/heart-disease.toml",
                include_str!("../catalogue/heart-disease.toml"),
            ),
            (
                "catalogue/online-shoppers.toml",
                include_str!("../catalogue/online-shoppers.toml"),
            ),
            (
                "catalogue/sentiment-labelled-sentences.toml",
                include_str!("../catalogue/sentiment-labelled-sentences.toml"),
            ),
            (
                "catalogue/sib200-eng-latn.toml",
                include_str!("../catalogue/sib200-eng-latn.toml"),
            ),
            (
                "catalogue/sib200-zho-hans.toml",
                include_str!("../catalogue/sib200-zho-hans.toml"),
            ),
            (
                "catalogue/sms-spam.toml",
                include_str!("../catalogue/sms-spam.toml"),
            ),
            (
                "catalogue/telco-churn.toml",
                include_str!("../catalogue/telco-churn.toml"),
            ),
            (
                "catalogue/tinyshakespeare.toml",
                include_str!("../catalogue/tinyshakespeare.toml"),
            ),
        ];
        let entries = sources
            .iter()
            .map(|(source, text)| CatalogueEntry::parse(source, text));
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    /// The entries, by name.
    pub fn entries(&self) -> &[CatalogueEntry] {
        &self.entries
    }

    /// The entry of a name.
    ///
    /// # Errors
    /// When there is none; the error suggests a name that is close.
    pub fn entry(&self, name: &str) -> Result<&CatalogueEntry, DataError> {
        self.entries
            .iter()
            .find(|entry| entry.name == name)
            .ok_or_else(|| DataError::UnknownDataset {
                name: name.chars().take(80).collect(),
                closest: closest(name, self.entries.iter().map(|entry| entry.name.as_str()))
                    .map(str::to_owned),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_whole() {
        let catalogue = Catalogue::builtin().unwrap();
        for entry in catalogue.entries() {
            for text in [
                &entry.title,
                &entry.description,
                &entry.license,
                &entry.citation,
                &entry.homepage,
            ] {
                assert!(!text.is_empty(), "{entry:?}");
            }
            let learns_a_number = matches!(&entry.reader, ReaderSpec::Table(table) if table.target_kind == TargetKind::Number);
            let has_no_labels = matches!(&entry.reader, ReaderSpec::Documents { .. });
            assert_eq!(entry.labels.is_empty(), learns_a_number || has_no_labels);
            for file in &entry.files {
                assert!(
                    file.url.is_none() || embedded(&entry.name, &file.name).is_none(),
                    "{}",
                    file.name
                );
                assert!(file.sha256.is_some(), "{}", file.name);
            }
        }
        let message = catalogue.entry("fashion-mnits").unwrap_err().to_string();
        assert!(
            message.contains("did you mean \"fashion-mnist\"?"),
            "{message}"
        );
    }

    #[test]
    fn wrong_entries_say_what_is_wrong() {
        let whole = include_str!("../catalogue/digits.toml");
        for (from, to, part) in [
            ("citation =", "citaton =", "did you mean `citation`?"),
            ("\"idx\"", "\"idxx\"", "did you mean `idx`?"),
            (
                "train_labels",
                "train_label",
                "did you mean `train_labels`?",
            ),
            ("[\"0\", \"1\"", "[\"0\", \"0\"", "the same label twice"),
            ("sha256 = \"4479", "url = \"http://h/f\" # \"", "no sha256"),
        ] {
            let text = whole.replacen(from, to, 1);
            assert_ne!(text, whole, "{from}");
            let message = CatalogueEntry::parse("t.toml", &text)
                .unwrap_err()
                .to_string();
            assert!(
                message.contains(part) && message.contains("t.toml"),
                "{message}"
            );
        }
    }

    #[test]
    fn sec_8_paths_are_no_file_names() {
        let text =
            include_str!("../catalogue/digits.toml").replace("digits-images", "../digits-images");
        assert!(CatalogueEntry::parse("t", &text).is_err());
    }
}
