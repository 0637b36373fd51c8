//! One item of a dataset, and the forms in which an input can come.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use mofang_types::{DigestHasher, Tensor};

use crate::{Cell, DataError, Row};

/// An image of 8-bit samples: rows of pixels of interleaved channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    height: usize,
    width: usize,
    channels: usize,
    data: Vec<u8>,
}

impl Pixels {
    /// An image of `height` × `width` pixels with `channels` samples each (1 = grey, 3 = RGB).
    ///
    /// # Errors
    /// When there is no pixel, or the number of samples is not `height · width · channels`.
    pub fn new(
        height: usize,
        width: usize,
        channels: usize,
        data: Vec<u8>,
    ) -> Result<Self, DataError> {
        let samples = height
            .checked_mul(width)
            .and_then(|pixels| pixels.checked_mul(channels));
        if samples != Some(data.len()) || data.is_empty() || !matches!(channels, 1 | 3) {
            return Err(DataError::WrongShape {
                actual: vec![height, width, channels],
                expected: format!(
                    "rows × columns × 1 or 3 channels, {} samples in all",
                    data.len()
                ),
            });
        }
        Ok(Self {
            height,
            width,
            channels,
            data,
        })
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Samples per pixel.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The samples.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The samples, to keep.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// The image as a PNG file.
    ///
    /// # Errors
    /// When the encoder refuses the image.
    pub fn to_png(&self) -> Result<Vec<u8>, DataError> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let color = if self.channels == 1 {
            image::ExtendedColorType::L8
        } else {
            image::ExtendedColorType::Rgb8
        };
        image::write_buffer_with_format(
            &mut bytes,
            &self.data,
            self.width as u32,
            self.height as u32,
            color,
            image::ImageFormat::Png,
        )
        .map_err(|error| DataError::UnreadableImage(error.to_string()))?;
        Ok(bytes.into_inner())
    }
}

/// An input before the pipeline, in one of the forms it can come in.
#[derive(Debug, Clone, PartialEq)]
pub enum RawExample {
    /// The bytes of a file: an image, a recording, or a text in UTF-8, as the pipeline takes it.
    Encoded(Vec<u8>),
    /// An image that is decoded already.
    Pixels(Pixels),
    /// A row of a table.
    Row(Row),
    /// The model's own input without a batch dimension, prepared by the caller.
    Tensor(Tensor),
    /// A text.
    Text(String),
}

impl RawExample {
    /// Takes the input into a digest: what kind it is, its shape and its values.
    pub(crate) fn update_digest(&self, hasher: &mut DigestHasher) {
        let mut lengths = |kind: u64, sizes: &[usize]| {
            hasher.update(&kind.to_le_bytes());
            hasher.update(&(sizes.len() as u64).to_le_bytes());
            for size in sizes {
                hasher.update(&(*size as u64).to_le_bytes());
            }
        };
        match self {
            Self::Encoded(bytes) => {
                lengths(0, &[bytes.len()]);
                hasher.update(bytes);
            }
            Self::Pixels(pixels) => {
                lengths(1, &[pixels.height, pixels.width, pixels.channels]);
                hasher.update(&pixels.data);
            }
            Self::Tensor(tensor) => {
                lengths(2, tensor.shape());
                for value in tensor.data() {
                    hasher.update(&value.to_le_bytes());
                }
            }
            Self::Text(text) => {
                lengths(3, &[text.len()]);
                hasher.update(text.as_bytes());
            }
            Self::Row(row) => {
                lengths(4, &[row.cells().len()]);
                row.update_digest(hasher);
            }
        }
    }

    /// What it is, in a word, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Encoded(_) => "a file",
            Self::Pixels(_) => "an image",
            Self::Row(_) => "a row of a table",
            Self::Tensor(_) => "a ready tensor",
            Self::Text(_) => "a text",
        }
    }

    /// Whether it is the same input as `other`, whatever a row has in the columns `ignored`.
    pub(crate) fn is_same(&self, other: &Self, ignored: &BTreeSet<String>) -> bool {
        match (self, other) {
            (Self::Row(row), Self::Row(other)) => {
                row.pairs_without(ignored).eq(other.pairs_without(ignored))
            }
            _ => self == other,
        }
    }

    /// A number that inputs which are the same share and others hardly ever; to find repetitions, not to name
    /// anything.
    pub(crate) fn fingerprint(&self, ignored: &BTreeSet<String>) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Encoded(bytes) => bytes.hash(&mut hasher),
            Self::Pixels(pixels) => pixels.data.hash(&mut hasher),
            Self::Tensor(tensor) => {
                for value in tensor.data() {
                    value.to_bits().hash(&mut hasher);
                }
            }
            Self::Text(text) => text.hash(&mut hasher),
            Self::Row(row) => {
                for (_, cell) in row.pairs_without(ignored) {
                    match cell {
                        Cell::Missing => 0_u8.hash(&mut hasher),
                        Cell::Number(number) => number.to_bits().hash(&mut hasher),
                        Cell::Text(text) => text.hash(&mut hasher),
                    }
                }
            }
        }
        hasher.finish()
    }
}

/// What is true of an example: what a model is to say of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// The index of its class.
    Class(usize),
    /// The indices of its labels, one after another: what is said in it.
    Labels(Arc<[usize]>),
    /// A number.
    Number(f64),
    /// The text itself: of each of its tokens, the one behind it.
    NextTokens,
}

impl Target {
    /// The index of its class, where it has one.
    pub fn class(&self) -> Option<usize> {
        match self {
            Self::Class(class) => Some(*class),
            Self::Labels(_) | Self::Number(_) | Self::NextTokens => None,
        }
    }

    /// The number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Class(_) | Self::Labels(_) | Self::NextTokens => None,
        }
    }

    /// The indices of its labels, of which a class is one; none for anything else.
    pub fn labels(&self) -> Option<&[usize]> {
        match self {
            Self::Class(class) => Some(std::slice::from_ref(class)),
            Self::Labels(labels) => Some(labels),
            Self::Number(_) | Self::NextTokens => None,
        }
    }
}

/// One item of a dataset: an input with what is true of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Where it stands in its source, e.g. `train-images-idx3-ubyte.gz#17` or `train/hat/a.jpg`.
    pub id: String,
    /// The input.
    pub input: RawExample,
    /// What is true of it.
    pub target: Target,
}
