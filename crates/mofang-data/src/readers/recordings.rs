//! Sound files in a folder or a tar: `split/class/file` or `class/file`, or what the names of the files say.
//!
//! Files of other kinds, such as a README, are passed over.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::archive::{for_each_file, read_whole};
use super::image_folder::{read_file, relative, walk};
use super::recording_names::RecordingNames;
use super::strings::{Piece, Strings};
use super::transcripts::TranscriptFile;
use super::{RawSplits, parts_of_path};
use crate::{DataError, Example, RawExample, SplitName, Target};

/// The endings of sound files.
const EXTENSIONS: [&str; 3] = ["flac", "mp3", "wav"];

/// The recordings of a dataset, and the labels of their classes: those that were given, or those that
/// were found, sorted.
#[derive(Debug)]
pub struct ReadRecordings {
    /// The examples.
    pub splits: RawSplits,
    /// The labels, by index.
    pub labels: Vec<String>,
}

/// What tells what is in a recording.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecordingSource<'a> {
    /// What the names of the files say; without, their path does.
    pub names: Option<&'a RecordingNames>,
    /// What is said in each file.
    pub transcripts: Option<&'a TranscriptFile>,
    /// How recordings are put together into longer ones.
    pub strings: Option<&'a Strings>,
}

/// What is known of a recording before its labels are counted.
struct Recording {
    id: String,
    split: SplitName,
    /// Its label, or what is said in it.
    text: String,
    group: Option<String>,
    bytes: Vec<u8>,
}

/// Reads every sound file below `folder`. Symbolic links are not followed.
///
/// # Errors
/// When the folder cannot be read, a sound file has a name or stands at a path that says no class, or the recordings
/// cannot be put together.
pub fn read_audio_folder(
    folder: &Path,
    source: RecordingSource<'_>,
    labels: &[String],
) -> Result<ReadRecordings, DataError> {
    let mut paths = Vec::new();
    walk(folder, &mut paths)?;
    paths.sort();
    let mut recordings = Vec::new();
    for path in paths {
        let id = relative(folder, &path);
        if is_sound(&id) {
            let bytes = read_file(&path, &id)?;
            recordings.push(Recording::new(id, bytes, source)?);
        }
    }
    collect(&folder.to_string_lossy(), recordings, source, labels)
}

/// Reads every sound file of an archive; links and special files are refused.
///
/// # Errors
/// When the archive is malformed, holds a link or is beyond the limits, a sound file has a name or stands at a path
/// that says no class, or the recordings cannot be put together.
pub fn read_audio_tar(
    file: &str,
    bytes: &[u8],
    source: RecordingSource<'_>,
    labels: &[String],
) -> Result<ReadRecordings, DataError> {
    let mut recordings = Vec::new();
    for_each_file(file, bytes, |path, content| {
        if is_sound(path) {
            let bytes = read_whole(file, path, content)?;
            recordings.push(Recording::new(path.to_owned(), bytes, source)?);
        }
        Ok(())
    })?;
    collect(file, recordings, source, labels)
}

fn is_sound(path: &str) -> bool {
    let path = Path::new(path);
    let is_hidden = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    !is_hidden && extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

impl Recording {
    fn new(id: String, bytes: Vec<u8>, source: RecordingSource<'_>) -> Result<Self, DataError> {
        if let Some(transcripts) = source.transcripts {
            let path = id.trim_start_matches("./");
            let split = path.split('/').next().and_then(|first| first.parse().ok());
            // One without a transcript is left to cleaning, which tells of it.
            let text = transcripts.text_of(path).unwrap_or_default();
            return Ok(Self {
                split: split.unwrap_or(SplitName::Train),
                text: text.to_owned(),
                group: None,
                id,
                bytes,
            });
        }
        let (split, label, group) = match source.names {
            Some(names) => {
                let named = names.read(&id)?;
                (named.split, named.label, named.group)
            }
            None => {
                let (split, class) = parts_of_path(&id)?;
                (split, class.to_owned(), None)
            }
        };
        Ok(Self {
            id,
            split,
            text: label,
            group,
            bytes,
        })
    }
}

fn labels_of<'a>(recording: &'a Recording, source: RecordingSource<'_>) -> Vec<&'a str> {
    match source.transcripts {
        Some(transcripts) => transcripts.units.of(&recording.text),
        None => vec![recording.text.as_str()],
    }
}

fn collect(
    place: &str,
    recordings: Vec<Recording>,
    source: RecordingSource<'_>,
    labels: &[String],
) -> Result<ReadRecordings, DataError> {
    if recordings.is_empty() {
        return Err(DataError::malformed(
            place,
            "it has no sound file; their names end in .wav, .flac or .mp3",
        ));
    }
    let labels = if labels.is_empty() {
        let found = recordings
            .iter()
            .flat_map(|recording| labels_of(recording, source));
        let found: BTreeSet<&str> = found.collect();
        found.into_iter().map(str::to_owned).collect()
    } else {
        labels.to_vec()
    };
    let indices: HashMap<&str, usize> = labels.iter().map(String::as_str).zip(0..).collect();
    // A label that is not in the list becomes an index outside it, which cleaning reports.
    let index_of = |label: &str| indices.get(label).copied().unwrap_or(labels.len());
    let mut splits = RawSplits::new();
    if let Some(strings) = source.strings {
        let pieces = recordings.iter().map(|recording| Piece {
            id: &recording.id,
            split: recording.split,
            group: recording.group.as_deref(),
            label: index_of(&recording.text),
            bytes: &recording.bytes,
        });
        splits = strings.put_together(&pieces.collect::<Vec<_>>())?;
        return Ok(ReadRecordings { splits, labels });
    }
    for recording in recordings {
        let target = if source.transcripts.is_some() {
            let said = labels_of(&recording, source);
            Target::Labels(said.into_iter().map(index_of).collect())
        } else {
            Target::Class(index_of(&recording.text))
        };
        splits.entry(recording.split).or_default().push(Example {
            target,
            id: recording.id,
            input: RawExample::Encoded(recording.bytes),
        });
    }
    Ok(ReadRecordings { splits, labels })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn with(names: &RecordingNames) -> RecordingSource<'_> {
        RecordingSource {
            names: Some(names),
            ..RecordingSource::default()
        }
    }

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn targets(read: &ReadRecordings, split: SplitName) -> Vec<(String, Option<usize>)> {
        read.splits[&split]
            .iter()
            .map(|example| (example.id.clone(), example.target.class()))
            .collect()
    }

    #[test]
    fn names_say_the_class_and_the_split() {
        let names = RecordingNames {
            pattern: "{label}_{group}_{index}".to_owned(),
            test_indices: Some([0, 4]),
            validation_indices: None,
            test_groups: vec!["theo".to_owned()],
        };
        let bytes = archive(&[
            ("README.md", "r"),
            ("recordings/7_ann_5.wav", "a"),
            ("recordings/7_ann_4.wav", "b"),
            ("recordings/3_theo_17.WAV", "c"),
            ("recordings/._7_ann_5.wav", "d"),
        ]);
        let read = read_audio_tar("t", &bytes, with(&names), &[]).unwrap();
        assert_eq!(read.labels, ["3", "7"]);
        assert_eq!(
            targets(&read, SplitName::Train),
            [("recordings/7_ann_5.wav".to_owned(), Some(1))]
        );
        assert_eq!(targets(&read, SplitName::Test).len(), 2);
        let labels = ["7".to_owned()];
        let read = read_audio_tar("t", &bytes, with(&names), &labels).unwrap();
        // The label that is not in the list gets an index outside it.
        assert_eq!(targets(&read, SplitName::Test)[1].1, Some(1));
        let bytes = archive(&[("seven.wav", "a")]);
        let message = read_audio_tar("t", &bytes, with(&names), &[])
            .unwrap_err()
            .to_string();
        assert!(message.contains("seven.wav"), "{message}");
    }

    #[test]
    fn folders_say_the_class_and_the_split() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["train/yes/1.wav", "train/no/2.flac", "test/yes/3.mp3"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let read = read_audio_folder(folder.path(), RecordingSource::default(), &[]).unwrap();
        assert_eq!(read.labels, ["no", "yes"]);
        assert_eq!(targets(&read, SplitName::Train).len(), 2);
        assert_eq!(
            targets(&read, SplitName::Test),
            [("test/yes/3.mp3".to_owned(), Some(1))]
        );
    }

    #[test]
    fn transcripts_and_splits_are_found_below_the_place_itself() {
        let layout = serde_json::from_str(r#"{"table": "t.csv", "units": "words"}"#).unwrap();
        let table = b"file,text\ntest/a.wav,good day\n";
        let transcripts = TranscriptFile::read(&layout, table).unwrap();
        let source = RecordingSource {
            transcripts: Some(&transcripts),
            ..RecordingSource::default()
        };
        for path in ["test/a.wav", "./test/a.wav"] {
            let recording = Recording::new(path.to_owned(), Vec::new(), source).unwrap();
            assert_eq!(recording.split, SplitName::Test, "{path}");
            let read = collect("t", vec![recording], source, &[]).unwrap();
            assert_eq!(read.labels, ["day", "good"], "{path}");
            let example = &read.splits[&SplitName::Test][0];
            assert_eq!(example.target, Target::Labels([1, 0].into()), "{path}");
        }
    }

    #[test]
    fn a_source_without_sound_is_refused() {
        let bytes = archive(&[("README.md", "r")]);
        let message = read_audio_tar("t", &bytes, RecordingSource::default(), &[])
            .unwrap_err()
            .to_string();
        assert!(message.contains("no sound file"), "{message}");
    }
}
