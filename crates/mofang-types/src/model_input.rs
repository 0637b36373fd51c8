//! What one example is to a model.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DType, Dimension, TensorSpec};

/// What a model takes for one example, as far as its graph depends on it. A pipeline makes it, and a
/// network is built for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ModelInput {
    /// An image `[channels, height, width]`; a spectrogram is one of a single channel.
    Image {
        /// Samples of a pixel.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A row of a table `[numbers + categories]`: numbers first, then the code of each category.
    Row {
        /// How many numbers.
        numbers: usize,
        /// For each category how many codes it has; code 0 stands for what was not seen in training.
        categories: Vec<usize>,
    },
    /// The ids of a text's tokens `[length]`.
    Tokens {
        /// How many tokens there are; ids are below it.
        vocabulary_size: usize,
        /// The most tokens of a text.
        length_max: usize,
        /// The id that fills shorter texts of a batch up, and is not read.
        padding_id: usize,
    },
}

impl ModelInput {
    /// An image of `[channels, height, width]`.
    pub const fn image([channels, height, width]: [usize; 3]) -> Self {
        Self::Image {
            channels,
            height,
            width,
        }
    }

    /// `[channels, height, width]` of an image.
    pub const fn image_shape(&self) -> Option<[usize; 3]> {
        match self {
            Self::Image {
                channels,
                height,
                width,
            } => Some([*channels, *height, *width]),
            Self::Row { .. } | Self::Tokens { .. } => None,
        }
    }

    /// The value that fills a shorter example of a batch up, where examples have lengths of their own.
    #[expect(
        clippy::cast_precision_loss,
        reason = "ids of tokens are far below 2^24, up to which f32 is exact"
    )]
    pub const fn padding(&self) -> Option<f32> {
        match self {
            Self::Tokens { padding_id, .. } => Some(*padding_id as f32),
            Self::Image { .. } | Self::Row { .. } => None,
        }
    }

    /// The tensor of a batch.
    pub fn tensor_spec(&self) -> TensorSpec {
        let (name, dtype, example) = match self {
            Self::Image {
                channels,
                height,
                width,
            } => (
                "image",
                DType::F32,
                [*channels, *height, *width].map(Dimension::Fixed).to_vec(),
            ),
            Self::Row {
                numbers,
                categories,
            } => (
                "row",
                DType::F32,
                vec![Dimension::Fixed(numbers + categories.len())],
            ),
            Self::Tokens { .. } => (
                "input_ids",
                DType::I64,
                vec![Dimension::Named("length".to_owned())],
            ),
        };
        let mut shape = vec![Dimension::Named("batch".to_owned())];
        shape.extend(example);
        TensorSpec {
            name: name.to_owned(),
            dtype,
            shape,
        }
    }
}

impl fmt::Display for ModelInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image {
                channels,
                height,
                width,
            } => write!(f, "images of {channels}×{height}×{width}"),
            Self::Row {
                numbers,
                categories,
            } => write!(
                f,
                "rows of {numbers} numbers and {} categories",
                categories.len()
            ),
            Self::Tokens {
                vocabulary_size,
                length_max,
                ..
            } => write!(f, "up to {length_max} tokens of {vocabulary_size}"),
        }
    }
}
