//! What can be wrong with data.

use std::fmt;
use std::path::PathBuf;

use mofang_audio::AudioError;
use mofang_types::{Coded, ErrorCode};

/// A fault of a dataset, an example or a pipeline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The image cannot be decoded.
    #[error("cannot read the image: {0}")]
    UnreadableImage(String),
    /// The text cannot be read, or there is none.
    #[error("cannot read the text: {0}")]
    UnreadableText(String),
    /// The text is longer than what is accepted.
    #[error(
        "the text is too long: {bytes} bytes; at most {} are accepted",
        crate::text::TEXT_BYTES_MAX
    )]
    TextTooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// The input is what the model cannot take.
    #[error("{0}")]
    InvalidInput(String),
    /// The image is larger than what is accepted, as its header says.
    #[error(
        "the image is too large: {width} × {height} pixels; at most 64 megapixels, 128 MiB decoded and 65535 pixels in one direction are accepted"
    )]
    ImageTooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The recording cannot be decoded, or is beyond the limits.
    #[error("cannot read the recording: {0}")]
    UnreadableRecording(#[from] AudioError),
    /// The input has another shape than the pipeline makes or the model takes.
    #[error("the input has shape {actual:?}, expected {expected}")]
    WrongShape {
        /// The shape at hand.
        actual: Vec<usize>,
        /// The shape wanted, in words.
        expected: String,
    },
    /// The input is not of the kind that the pipeline takes.
    #[error("the model takes {expected}, not {actual}")]
    WrongInput {
        /// What the pipeline takes.
        expected: &'static str,
        /// What came.
        actual: &'static str,
    },
    /// The input has a value that is no finite number.
    #[error("the input has a value that is not finite (NaN or infinity) at index {index}")]
    NotFinite {
        /// The position in row-major order.
        index: usize,
    },
    /// The pipeline cannot work as it is written.
    #[error("invalid pipeline: {0}")]
    InvalidPipeline(String),
    /// No dataset of that name.
    #[error("there is no dataset \"{name}\" in the catalogue{}", suggestion(.closest.as_deref()))]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// A name that is close to it.
        closest: Option<String>,
    },
    /// The dataset lacks the split.
    #[error("the dataset \"{dataset}\" has no split \"{split}\"")]
    MissingSplit {
        /// The dataset.
        dataset: String,
        /// The split.
        split: String,
    },
    /// The files of the dataset are not there (any more).
    #[error(
        "the file {path} of dataset \"{dataset}\" is missing; {}",
        way_to_file(.dataset, *.is_builtin)
    )]
    MissingFile {
        /// The dataset.
        dataset: String,
        /// The file.
        path: PathBuf,
        /// Whether the dataset is of the catalogue, whose files can be pulled.
        is_builtin: bool,
    },
    /// A file's digest is not the one of the catalogue.
    #[error(
        "{path} has SHA-256 {actual}, expected {expected}; remove it and pull the dataset again"
    )]
    WrongDigest {
        /// The file.
        path: PathBuf,
        /// The digest at hand.
        actual: String,
        /// The digest wanted.
        expected: String,
    },
    /// A file does not have the form that its reader expects.
    #[error("{file}: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A description of a dataset or a split that cannot be.
    #[error("{0}")]
    InvalidSettings(String),
    /// The network did not give the file.
    #[error("failed to download {url}: {reason}")]
    Download {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// Another process is fetching the file.
    #[error("{path} is being written by another pull; wait for it to end")]
    AlreadyPulling {
        /// The file that is not whole yet.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("failed to {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

fn way_to_file(dataset: &str, is_builtin: bool) -> String {
    if is_builtin {
        format!("`mofang datasets pull {dataset}` fetches it")
    } else {
        "the files of a dataset of your own lie beside its entry, which names them".to_owned()
    }
}

fn suggestion(closest: Option<&str>) -> String {
    closest.map_or_else(
        || "; `mofang datasets list` shows all".to_owned(),
        |name| format!("; did you mean \"{name}\"?"),
    )
}

impl DataError {
    /// Wraps an error of the operating system, saying what was tried with which file.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// The same, of an example of a dataset that it names.
    pub(crate) fn of_example(self, id: &str) -> Self {
        Self::malformed(id, self)
    }

    /// A file that does not have the expected form.
    pub(crate) fn malformed(file: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::Malformed {
            file: file.into(),
            reason: reason.to_string(),
        }
    }
}

impl Coded for DataError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownDataset { .. } | Self::MissingSplit { .. } => ErrorCode::NotFound,
            Self::ImageTooLarge { .. } | Self::TextTooLong { .. } => ErrorCode::PayloadTooLarge,
            Self::UnreadableRecording(error) => error.code(),
            Self::AlreadyPulling { .. } => ErrorCode::Conflict,
            Self::MissingFile {
                is_builtin: true, ..
            }
            | Self::WrongDigest { .. }
            | Self::Download { .. } => ErrorCode::Unavailable,
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                ErrorCode::OutOfSpace
            }
            Self::Io { .. } => ErrorCode::Internal,
            Self::UnreadableImage(_)
            | Self::UnreadableText(_)
            | Self::InvalidInput(_)
            | Self::WrongShape { .. }
            | Self::WrongInput { .. }
            | Self::NotFinite { .. }
            | Self::InvalidPipeline(_)
            | Self::MissingFile {
                is_builtin: false, ..
            }
            | Self::Malformed { .. }
            | Self::InvalidSettings(_) => ErrorCode::InvalidInput,
        }
    }
}
