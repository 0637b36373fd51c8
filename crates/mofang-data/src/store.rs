//! The datasets of a data directory: what is there, fetching and verifying it, and reading it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mofang_types::ArtifactDigest;
use serde::{Deserialize, Serialize};

use crate::catalogue::embedded;
use crate::cleaning::{Expected, clean, missing_label, rows_in_two_splits};
use crate::pull::{pull_file, verify_file};
use crate::readers::{
    CsvPixels, RawSplits, RecordingSource, TextFile, TranscriptFile, Transcripts,
    read_audio_folder, read_audio_tar, read_csv_pixels, read_documents, read_idx_pair,
    read_image_folder, read_image_tar, read_schema, read_table_files,
};
use crate::{
    Catalogue, CatalogueEntry, CatalogueFile, CleaningReport, DataError, Dataset, PullProgress,
    RawExample, ReaderSpec, Split, SplitName, SplitSettings, TableSchema, readers,
};

/// Whether the files of a dataset are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatasetStatus {
    /// Compiled into the binary.
    Embedded,
    /// Every file is here; `verify` checks the digests.
    Present,
    /// A file is missing; `pull` fetches it.
    Absent,
}

/// The datasets below one folder.
#[derive(Debug, Clone)]
pub struct DatasetStore {
    folder: PathBuf,
    catalogue: Catalogue,
}

impl DatasetStore {
    /// The datasets of `catalogue`, with their files below `folder`.
    pub fn new(folder: PathBuf, catalogue: Catalogue) -> Self {
        Self { folder, catalogue }
    }

    /// Every dataset of the catalogue with its status.
    pub fn list(&self) -> Vec<(&CatalogueEntry, DatasetStatus)> {
        self.catalogue
            .entries()
            .iter()
            .map(|entry| (entry, self.status(entry)))
            .collect()
    }

    /// A dataset of the catalogue with its status.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn show(&self, name: &str) -> Result<(&CatalogueEntry, DatasetStatus), DataError> {
        let entry = self.catalogue.entry(name)?;
        Ok((entry, self.status(entry)))
    }

    /// What is in the columns of a table of the catalogue; none for a dataset that is no table.
    ///
    /// # Errors
    /// When there is none of that name, or its file is missing, wrong or no table.
    pub fn schema(&self, name: &str) -> Result<Option<TableSchema>, DataError> {
        let entry = self.catalogue.entry(name)?.clone();
        let ReaderSpec::Table(spec) = entry.reader.clone() else {
            return Ok(None);
        };
        let folder = self.folder.join(&entry.name);
        let source = Source {
            entry,
            folder: &folder,
            is_builtin: true,
        };
        let bytes = source.bytes_of(&spec.file)?;
        read_schema(&spec, &spec.file, &bytes).map(Some)
    }

    fn status(&self, entry: &CatalogueEntry) -> DatasetStatus {
        let is_embedded = |file: &CatalogueFile| embedded(&entry.name, &file.name).is_some();
        let is_present =
            |file: &CatalogueFile| self.folder.join(&entry.name).join(&file.name).is_file();
        if entry.files.iter().all(is_embedded) {
            DatasetStatus::Embedded
        } else if entry
            .files
            .iter()
            .all(|file| is_embedded(file) || is_present(file))
        {
            DatasetStatus::Present
        } else {
            DatasetStatus::Absent
        }
    }

    /// Fetches what is missing of a dataset, from `mirror` (a folder or a URL) or the files' own addresses.
    ///
    /// # Errors
    /// When a file cannot be fetched or does not have its digest; nothing half-fetched is ever visible
    /// under its name, and what was fetched is kept to go on from.
    pub fn pull(
        &self,
        name: &str,
        mirror: Option<&str>,
        progress: &mut dyn FnMut(PullProgress<'_>),
    ) -> Result<(), DataError> {
        let entry = self.catalogue.entry(name)?;
        for file in entry
            .files
            .iter()
            .filter(|file| embedded(&entry.name, &file.name).is_none())
        {
            pull_file(
                &entry.name,
                file,
                &self.folder.join(&entry.name),
                mirror,
                progress,
            )?;
        }
        Ok(())
    }

    /// Checks the digest of every file of a dataset.
    ///
    /// # Errors
    /// At the first file that is missing or wrong.
    pub fn verify(&self, name: &str) -> Result<(), DataError> {
        let entry = self.catalogue.entry(name)?;
        for file in entry
            .files
            .iter()
            .filter(|file| embedded(&entry.name, &file.name).is_none())
        {
            let path = self.folder.join(&entry.name).join(&file.name);
            if !path.is_file() {
                return Err(DataError::MissingFile {
                    dataset: entry.name.clone(),
                    path,
                    is_builtin: true,
                });
            }
            verify_file(file, &path)?;
        }
        Ok(())
    }

    /// Reads, cleans and splits a dataset: one of the catalogue by name, or a user's own by the path
    /// of its TOML entry, whose files lie beside it. A name that came over the network goes to
    /// [`Self::load_from_catalogue`], which opens no path of the caller's choosing.
    ///
    /// # Errors
    /// When it is unknown, a file is missing, wrong or malformed, or the settings cannot be.
    pub fn load(&self, name: &str, settings: &SplitSettings) -> Result<Dataset, DataError> {
        let path = Path::new(name);
        if path.extension().is_none_or(|extension| extension != "toml") {
            return self.load_from_catalogue(name, settings);
        }
        settings.check()?;
        let text = fs::read_to_string(path).map_err(DataError::io("read", path))?;
        Source {
            entry: CatalogueEntry::parse(name, &text)?,
            folder: path.parent().unwrap_or(Path::new(".")),
            is_builtin: false,
        }
        .load(settings)
    }

    /// As [`Self::load`], for the datasets of the catalogue only.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_from_catalogue(
        &self,
        name: &str,
        settings: &SplitSettings,
    ) -> Result<Dataset, DataError> {
        settings.check()?;
        let entry = self.catalogue.entry(name)?.clone();
        let folder = self.folder.join(&entry.name);
        Source {
            entry,
            folder: &folder,
            is_builtin: true,
        }
        .load(settings)
    }
}

/// An entry with the folder of its files.
struct Source<'a> {
    entry: CatalogueEntry,
    folder: &'a Path,
    /// Whether the entry is of the catalogue, some of whose files are compiled in.
    is_builtin: bool,
}

impl Source<'_> {
    fn load(mut self, settings: &SplitSettings) -> Result<Dataset, DataError> {
        let mut cleaning = CleaningReport::default();
        // A table may be split by a column that models are not given.
        let mut ignored = BTreeSet::new();
        let mut splits = self.read(&mut cleaning, &mut ignored)?;
        if settings.clean {
            let expected = Expected {
                classes: self.entry.labels.len(),
                image_size: self.entry.image_size,
                repetitions: settings.repetitions,
                text_length: self.entry.text_length,
                near_duplicate_similarity: settings.near_duplicate_similarity,
                recordings: matches!(
                    self.entry.reader,
                    ReaderSpec::AudioFolder { .. } | ReaderSpec::AudioTar { .. }
                ),
            };
            splits = clean(splits, expected, &ignored, &mut cleaning);
        } else {
            self.refuse_unlabelled(&splits, &cleaning)?;
        }
        settings.complete(&mut splits)?;
        if !ignored.is_empty() {
            let mut shared: Arc<[String]> = Arc::new([]);
            for example in splits.values_mut().flatten() {
                if let RawExample::Row(row) = &mut example.input {
                    row.remove_columns(&ignored, &mut shared);
                }
            }
        }
        cleaning.rows_in_two_splits = rows_in_two_splits(&splits);
        let splits: BTreeMap<SplitName, Arc<Split>> = splits
            .into_iter()
            .map(|(name, examples)| (name, Arc::new(Split::new(examples))))
            .collect();
        Ok(Dataset {
            name: self.entry.name.clone(),
            labels: self.entry.labels.clone(),
            splits,
            cleaning,
            entry: self.entry,
        })
    }

    /// Without cleaning, what cannot be an example at all is an error.
    fn refuse_unlabelled(
        &self,
        splits: &RawSplits,
        cleaning: &CleaningReport,
    ) -> Result<(), DataError> {
        if let Some(removed) = cleaning.removed.first() {
            return Err(DataError::malformed(&removed.id, &removed.detail));
        }
        let classes = self.entry.labels.len();
        let unlabelled = splits.values().flatten().find_map(|example| {
            let reason = missing_label(&example.target, classes)?;
            Some((example, reason))
        });
        match unlabelled {
            Some((example, reason)) => Err(DataError::malformed(
                &example.id,
                format!("{reason}; cleaning removes such examples"),
            )),
            None => Ok(()),
        }
    }

    /// The bytes of a file, verified.
    fn bytes_of(&self, name: &str) -> Result<Cow<'static, [u8]>, DataError> {
        if self.is_builtin
            && let Some(bytes) = embedded(&self.entry.name, name)
        {
            return Ok(Cow::Borrowed(bytes));
        }
        let path = self.folder.join(name);
        if !path.is_file() {
            return Err(DataError::MissingFile {
                dataset: self.entry.name.clone(),
                path,
                is_builtin: self.is_builtin,
            });
        }
        let bytes = fs::read(&path).map_err(DataError::io("read", &path))?;
        let file = self.entry.files.iter().find(|file| file.name == name);
        if let Some(expected) = file.and_then(|file| file.sha256) {
            let actual = ArtifactDigest::of(&bytes);
            if actual != expected {
                return Err(DataError::WrongDigest {
                    path,
                    actual: actual.to_string(),
                    expected: expected.to_string(),
                });
            }
        }
        Ok(Cow::Owned(bytes))
    }

    /// What is said in each file, where a table tells it.
    fn said(&self, transcripts: Option<&Transcripts>) -> Result<Option<TranscriptFile>, DataError> {
        let Some(transcripts) = transcripts else {
            return Ok(None);
        };
        let bytes = self.bytes_of(&transcripts.table)?;
        TranscriptFile::read(transcripts, &bytes).map(Some)
    }

    /// Reads the files; rows that are no examples go into `cleaning`, and the labels of an entry that
    /// leaves them out are found.
    fn read(
        &mut self,
        cleaning: &mut CleaningReport,
        ignored: &mut BTreeSet<String>,
    ) -> Result<RawSplits, DataError> {
        match &self.entry.reader {
            ReaderSpec::Idx {
                train_images,
                train_labels,
                test_images,
                test_labels,
            } => {
                let pair = |images: &str, labels: &str| {
                    let (image_bytes, label_bytes) =
                        (self.bytes_of(images)?, self.bytes_of(labels)?);
                    read_idx_pair((images, &image_bytes), (labels, &label_bytes))
                };
                let mut splits =
                    RawSplits::from([(SplitName::Train, pair(train_images, train_labels)?)]);
                if let (Some(images), Some(labels)) = (test_images, test_labels) {
                    splits.insert(SplitName::Test, pair(images, labels)?);
                }
                Ok(splits)
            }
            ReaderSpec::AudioFolder {
                folder,
                names,
                transcripts,
                strings,
            } => {
                let folder = self.folder.join(folder);
                let said = self.said(transcripts.as_ref())?;
                let source = RecordingSource {
                    names: names.as_ref(),
                    transcripts: said.as_ref(),
                    strings: strings.as_ref(),
                };
                let read = read_audio_folder(&folder, source, &self.entry.labels)?;
                self.entry.labels = read.labels;
                Ok(read.splits)
            }
            ReaderSpec::AudioTar {
                file,
                names,
                transcripts,
                strings,
            } => {
                let bytes = self.bytes_of(file)?;
                let said = self.said(transcripts.as_ref())?;
                let source = RecordingSource {
                    names: names.as_ref(),
                    transcripts: said.as_ref(),
                    strings: strings.as_ref(),
                };
                let read = read_audio_tar(file, &bytes, source, &self.entry.labels)?;
                self.entry.labels = read.labels;
                Ok(read.splits)
            }
            ReaderSpec::Documents {
                train,
                validation,
                test,
                layout,
            } => {
                let mut splits = RawSplits::new();
                for (split, name) in by_split(train, validation, test) {
                    let bytes = self.bytes_of(name)?;
                    let rows = read_documents(name, &bytes, split, layout)?;
                    cleaning.examined += rows.removed.len();
                    cleaning.removed.extend(rows.removed);
                    splits.entry(split).or_default().extend(rows.examples);
                }
                Ok(splits)
            }
            ReaderSpec::ImageTar { file } => {
                let bytes = self.bytes_of(file)?;
                if self.entry.labels.is_empty() {
                    self.entry.labels = readers::classes_of_tar(file, &bytes)?;
                }
                read_image_tar(file, &bytes, &self.entry.labels)
            }
            ReaderSpec::ImageFolder { folder: images } => {
                let images = self.folder.join(images);
                if self.entry.labels.is_empty() {
                    self.entry.labels = readers::classes_of(&images)?;
                }
                read_image_folder(&images, &self.entry.labels)
            }
            ReaderSpec::CsvPixels {
                file,
                height,
                width,
                sample_max,
                label_column,
            } => {
                let layout = CsvPixels {
                    height: *height,
                    width: *width,
                    sample_max: *sample_max,
                    label_column,
                };
                let bytes = self.bytes_of(file)?;
                let rows = read_csv_pixels(file, &bytes, layout, &self.entry.labels)?;
                cleaning.examined += rows.removed.len();
                cleaning.removed.extend(rows.removed);
                Ok(RawSplits::from([(SplitName::Train, rows.examples)]))
            }
            ReaderSpec::Table(spec) => {
                let train = self.bytes_of(&spec.file)?;
                let test = match &spec.test_file {
                    Some(name) => Some((name.as_str(), self.bytes_of(name)?)),
                    None => None,
                };
                let test = test.as_ref().map(|(name, bytes)| (*name, bytes.as_ref()));
                let files = read_table_files(spec, (&spec.file, &train), test, &self.entry.labels)?;
                self.entry.labels = files.labels;
                *ignored = files.ignored;
                let mut splits = RawSplits::new();
                for (name, rows) in files.splits {
                    cleaning.examined += rows.removed.len();
                    cleaning.removed.extend(rows.removed);
                    splits.insert(name, rows.examples);
                }
                Ok(splits)
            }
            ReaderSpec::Text {
                train,
                validation,
                test,
                layout,
            } => {
                let mut files = Vec::new();
                for (split, name) in by_split(train, validation, test) {
                    let bytes = self.bytes_of(name)?;
                    files.push((split, TextFile::read(name, &bytes, layout)?));
                }
                if self.entry.labels.is_empty() {
                    let labels = files.iter().flat_map(|(_, file)| file.labels());
                    let labels: BTreeSet<&str> = labels.collect();
                    self.entry.labels = labels.into_iter().map(str::to_owned).collect();
                }
                let values = if layout.label_values.is_empty() {
                    self.entry.labels.clone()
                } else {
                    layout.label_values.clone()
                };
                let mut splits = RawSplits::new();
                for (split, file) in files {
                    let rows = file.into_rows(split, &values);
                    cleaning.examined += rows.removed.len();
                    cleaning.removed.extend(rows.removed);
                    splits.entry(split).or_default().extend(rows.examples);
                }
                Ok(splits)
            }
        }
    }
}

/// The files of each split, in order.
fn by_split<'a>(
    train: &'a [String],
    validation: &'a [String],
    test: &'a [String],
) -> impl Iterator<Item = (SplitName, &'a String)> {
    [
        (SplitName::Train, train),
        (SplitName::Validation, validation),
        (SplitName::Test, test),
    ]
    .into_iter()
    .flat_map(|(split, names)| names.iter().map(move |name| (split, name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pixels, RawExample};

    fn store() -> DatasetStore {
        DatasetStore::new(PathBuf::from("nowhere"), Catalogue::builtin().unwrap())
    }

    #[test]
    fn the_digits_are_compiled_in_and_split_by_seed() {
        let settings = SplitSettings {
            seed: 1,
            ..SplitSettings::default()
        };
        let digits = store().load("digits", &settings).unwrap();
        let sizes: Vec<usize> = digits.splits.values().map(|split| split.len()).collect();
        assert_eq!(
            sizes.iter().sum::<usize>() + digits.cleaning.removed.len(),
            1797
        );
        assert_eq!(store().show("digits").unwrap().1, DatasetStatus::Embedded);
        let again = store().load("digits", &settings).unwrap();
        for name in SplitName::ALL {
            assert_eq!(
                digits.split(name).unwrap().digest(),
                again.split(name).unwrap().digest()
            );
        }
        let other = store()
            .load(
                "digits",
                &SplitSettings {
                    seed: 2,
                    ..settings
                },
            )
            .unwrap();
        assert_ne!(
            digits.split(SplitName::Test).unwrap().digest(),
            other.split(SplitName::Test).unwrap().digest()
        );
    }

    #[test]
    fn missing_files_say_how_to_get_them() {
        let message = store()
            .load("fashion-mnist", &SplitSettings::default())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("mofang datasets pull fashion-mnist"),
            "{message}"
        );
    }

    #[test]
    fn a_folder_of_ones_own_is_a_dataset() {
        let folder = tempfile::tempdir().unwrap();
        for (class, value) in [("dark", 0_u8), ("light", 200)] {
            for index in 0..4_u8 {
                let path = folder.path().join("images").join(class);
                fs::create_dir_all(&path).unwrap();
                let png = Pixels::new(1, 1, 1, vec![value + index])
                    .unwrap()
                    .to_png()
                    .unwrap();
                fs::write(path.join(format!("{index}.png")), png).unwrap();
            }
        }
        let entry = folder.path().join("own.toml");
        fs::write(
            &entry,
            "name = \"own\"\ntitle = \"t\"\ndescription = \"d\"\nlicense = \"l\"\ncitation = \"c\"\nhomepage = \"h\"\n\
             [reader]\ntype = \"image_folder\"\nfolder = \"images\"\n",
        )
        .unwrap();
        let settings = SplitSettings {
            validation_fraction: 0.0,
            test_fraction: 0.25,
            ..SplitSettings::default()
        };
        let dataset = store().load(entry.to_str().unwrap(), &settings).unwrap();
        assert_eq!(dataset.labels, ["dark", "light"]);
        assert!(matches!(
            store().load_from_catalogue(entry.to_str().unwrap(), &settings),
            Err(DataError::UnknownDataset { .. })
        ));
        assert_eq!(dataset.split(SplitName::Train).unwrap().len(), 6);
        assert_eq!(dataset.split(SplitName::Test).unwrap().len(), 2);
        assert!(dataset.split(SplitName::Validation).is_err());
        assert!(matches!(
            dataset.split(SplitName::Test).unwrap().examples()[0].input,
            RawExample::Encoded(_)
        ));
    }
}
