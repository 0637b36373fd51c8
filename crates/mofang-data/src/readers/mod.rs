//! Readers of the formats that datasets come in. Every length is checked before memory is taken.

mod archive;
mod csv_pixels;
mod idx;
mod image_folder;
mod image_tar;
mod recording_names;
mod recordings;
mod strings;
mod table;
mod text;
mod transcripts;

pub use csv_pixels::{CsvPixels, read_csv_pixels};
pub use idx::{read_idx_images, read_idx_labels, read_idx_pair};
pub(crate) use image_folder::classes_of;
pub use image_folder::read_image_folder;
pub(crate) use image_tar::classes_of_tar;
pub use image_tar::read_image_tar;
pub use recording_names::RecordingNames;
pub use recordings::{ReadRecordings, RecordingSource, read_audio_folder, read_audio_tar};
pub use strings::Strings;
pub use table::{TableSpec, TargetKind};
pub(crate) use table::{read_schema, read_table_files};
pub(crate) use text::read_documents;
pub use text::{DocumentFormat, DocumentLayout, TextFile, TextFormat, TextLayout};
pub use transcripts::{TranscriptFile, Transcripts, Units};

use std::collections::BTreeMap;

use crate::{DataError, Example, Removed, SplitName};

/// The examples of each split, before cleaning.
pub type RawSplits = BTreeMap<SplitName, Vec<Example>>;

/// The examples of a table, and the rows that are none.
#[derive(Debug, Clone, Default)]
pub struct ReadRows {
    /// The examples, in order.
    pub examples: Vec<Example>,
    /// The rows that are no examples, and why.
    pub removed: Vec<Removed>,
}

/// Finds the class of a label's text.
pub(crate) fn class_of(labels: &[String], text: &str) -> usize {
    // A label that is not in the list becomes an index outside it, which cleaning reports.
    labels
        .iter()
        .position(|label| label == text)
        .unwrap_or(labels.len())
}

/// A path `split/class/file` or `class/file`, taken apart.
pub(crate) fn parts_of_path(path: &str) -> Result<(SplitName, &str), DataError> {
    let parts: Vec<&str> = path.trim_start_matches("./").split('/').collect();
    match parts.as_slice() {
        [split, class, _] => Ok((split.parse()?, class)),
        [class, _] => Ok((SplitName::Train, class)),
        _ => Err(DataError::malformed(
            path,
            "expected the path split/class/file or class/file",
        )),
    }
}
