//! The steps before a model. One file each; [`Transform`] is the closed list of them.
//!
//! # Adding one
#![doc = include_str!("../../../../docs/adding-a-transform.md")]

mod center_crop;
mod clean_text;
mod convert;
pub(crate) mod decode;
mod invert;
mod normalize;
mod pad;
mod resample;
mod resize;
pub(crate) mod table;
mod tokenize;
mod truncate;

use serde::{Deserialize, Serialize};

pub use center_crop::CenterCrop;
pub use clean_text::CleanText;
pub use convert::{Color, Convert};
pub use decode::Decode;
pub use invert::Invert;
pub use normalize::Normalize;
pub use pad::Pad;
pub use resize::{Filter, Resize};
pub use table::{
    Bounds, ClipOutliers, Column, Columns, DatePart, Dates, EncodeCategories, Fill, Impute,
    QuantileNormal, Scale, Standardize, UsedKind,
};
pub use tokenize::Tokenize;
pub use truncate::Truncate;

use crate::{DataError, Domain, Example, PipelineFiles, Pixels, StepInfo};

/// `[channels, height, width]` as far as it is known.
pub(crate) type PartialShape = [Option<usize>; 3];

/// The most that a step may make an image measure in one direction.
const SIDE_MAX: usize = 8_192;

/// A step before the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Transform {
    /// See [`CenterCrop`].
    CenterCrop(CenterCrop),
    /// See [`CleanText`].
    CleanText(CleanText),
    /// See [`ClipOutliers`].
    ClipOutliers(ClipOutliers),
    /// See [`Columns`].
    Columns(Columns),
    /// See [`Convert`].
    Convert(Convert),
    /// See [`Dates`].
    Dates(Dates),
    /// See [`Decode`].
    Decode(Decode),
    /// See [`EncodeCategories`].
    EncodeCategories(EncodeCategories),
    /// See [`Impute`].
    Impute(Impute),
    /// See [`Invert`].
    Invert(Invert),
    /// See [`Normalize`].
    Normalize(Normalize),
    /// See [`Pad`].
    Pad(Pad),
    /// See [`QuantileNormal`].
    QuantileNormal(QuantileNormal),
    /// See [`Resize`].
    Resize(Resize),
    /// See [`Standardize`].
    Standardize(Standardize),
    /// See [`Tokenize`].
    Tokenize(Tokenize),
    /// See [`Truncate`].
    Truncate(Truncate),
}

/// Every transform, by name.
pub fn all() -> &'static [StepInfo] {
    &[
        StepInfo {
            name: "center_crop",
            summary: "cuts height × width out of the middle",
        },
        StepInfo {
            name: "clean_text",
            summary: "Unicode's form KC, small letters, single spaces, no markup, no controls",
        },
        StepInfo {
            name: "clip_outliers",
            summary: "brings numbers of a table that are far out in",
        },
        StepInfo {
            name: "columns",
            summary: "says which columns of a table there are and what they hold; the first step of a table",
        },
        StepInfo {
            name: "convert",
            summary: "to `grayscale` or `rgb`",
        },
        StepInfo {
            name: "dates",
            summary: "makes numbers of the parts of dates",
        },
        StepInfo {
            name: "decode",
            summary: "reads a PNG, JPEG or BMP file, within limits",
        },
        StepInfo {
            name: "encode_categories",
            summary: "codes for the categories of a table",
        },
        StepInfo {
            name: "impute",
            summary: "puts numbers where a table has none, and says where",
        },
        StepInfo {
            name: "invert",
            summary: "dark becomes light and light becomes dark",
        },
        StepInfo {
            name: "normalize",
            summary: "(value − mean) / std per channel, value in [0, 1]",
        },
        StepInfo {
            name: "pad",
            summary: "adds a border of one value",
        },
        StepInfo {
            name: "quantile_normal",
            summary: "brings the numbers of a table into a normal distribution",
        },
        StepInfo {
            name: "resize",
            summary: "to height × width, or the shorter side to a length",
        },
        StepInfo {
            name: "standardize",
            summary: "(number − mean) / deviation of each column of a table",
        },
        StepInfo {
            name: "tokenize",
            summary: "a text to the ids of its tokens, by a tokenizer that is trained or given",
        },
        StepInfo {
            name: "truncate",
            summary: "keeps the first tokens of a text",
        },
    ]
}

impl Transform {
    /// The `type` of the step.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CenterCrop(_) => "center_crop",
            Self::CleanText(_) => "clean_text",
            Self::ClipOutliers(_) => "clip_outliers",
            Self::Columns(_) => "columns",
            Self::Convert(_) => "convert",
            Self::Dates(_) => "dates",
            Self::Decode(_) => "decode",
            Self::EncodeCategories(_) => "encode_categories",
            Self::Impute(_) => "impute",
            Self::Invert(_) => "invert",
            Self::Normalize(_) => "normalize",
            Self::Pad(_) => "pad",
            Self::QuantileNormal(_) => "quantile_normal",
            Self::Resize(_) => "resize",
            Self::Standardize(_) => "standardize",
            Self::Tokenize(_) => "tokenize",
            Self::Truncate(_) => "truncate",
        }
    }

    /// What it takes.
    pub fn domain(&self) -> Domain {
        match self {
            Self::CenterCrop(_)
            | Self::Convert(_)
            | Self::Decode(_)
            | Self::Invert(_)
            | Self::Normalize(_)
            | Self::Pad(_)
            | Self::Resize(_) => Domain::Image,
            Self::ClipOutliers(_)
            | Self::Columns(_)
            | Self::Dates(_)
            | Self::EncodeCategories(_)
            | Self::Impute(_)
            | Self::QuantileNormal(_)
            | Self::Standardize(_) => Domain::Table,
            Self::CleanText(_) | Self::Tokenize(_) | Self::Truncate(_) => Domain::Text,
        }
    }

    /// From where it takes a tokenizer that is there already: a path, or the name of a version.
    pub fn takes_tokenizer_from(&self) -> Option<&str> {
        match self {
            Self::Tokenize(step) => step.from.as_deref(),
            Self::CenterCrop(_)
            | Self::CleanText(_)
            | Self::ClipOutliers(_)
            | Self::Columns(_)
            | Self::Convert(_)
            | Self::Dates(_)
            | Self::Decode(_)
            | Self::EncodeCategories(_)
            | Self::Impute(_)
            | Self::Invert(_)
            | Self::Normalize(_)
            | Self::Pad(_)
            | Self::QuantileNormal(_)
            | Self::Resize(_)
            | Self::Standardize(_)
            | Self::Truncate(_) => None,
        }
    }

    /// Finds what it leaves to the data; files that it names from then on go into `files`.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the data may not tell what a step leaves to them"
    )]
    pub(crate) fn fit(
        &mut self,
        examples: &[Example],
        files: &mut PipelineFiles,
    ) -> Result<(), DataError> {
        let _ = (examples, files);
        match self {
            // The front of texts trains a tokenizer, which needs the cleaning before it; that of tables
            // fits each step to what those before it make.
            Self::CenterCrop(_)
            | Self::CleanText(_)
            | Self::ClipOutliers(_)
            | Self::Columns(_)
            | Self::Convert(_)
            | Self::Dates(_)
            | Self::Decode(_)
            | Self::EncodeCategories(_)
            | Self::Impute(_)
            | Self::Invert(_)
            | Self::Normalize(_)
            | Self::Pad(_)
            | Self::QuantileNormal(_)
            | Self::Resize(_)
            | Self::Standardize(_)
            | Self::Tokenize(_)
            | Self::Truncate(_) => Ok(()),
        }
    }

    pub(crate) fn check(&self) -> Result<(), DataError> {
        match self {
            Self::CenterCrop(step) => step.check(),
            Self::ClipOutliers(step) => step.check(),
            Self::EncodeCategories(step) => step.check(),
            Self::Normalize(step) => step.check(),
            Self::Pad(step) => step.check(),
            Self::QuantileNormal(step) => step.check(),
            Self::Resize(step) => step.check(),
            Self::Tokenize(step) => step.check(),
            Self::Truncate(step) => step.check(),
            Self::CleanText(_)
            | Self::Columns(_)
            | Self::Convert(_)
            | Self::Dates(_)
            | Self::Decode(_)
            | Self::Impute(_)
            | Self::Invert(_)
            | Self::Standardize(_) => Ok(()),
        }
    }

    /// Whether the step leaves this image as it is, so that it need not be copied.
    pub(crate) fn is_identity(&self, pixels: &Pixels) -> bool {
        match self {
            Self::Convert(step) => step.color.channels() == pixels.channels(),
            Self::Resize(step) => step.is_identity(pixels),
            Self::CleanText(_)
            | Self::ClipOutliers(_)
            | Self::Columns(_)
            | Self::Dates(_)
            | Self::Decode(_)
            | Self::EncodeCategories(_)
            | Self::Impute(_)
            | Self::Normalize(_)
            | Self::QuantileNormal(_)
            | Self::Standardize(_)
            | Self::Tokenize(_)
            | Self::Truncate(_) => true,
            Self::CenterCrop(_) | Self::Invert(_) | Self::Pad(_) => false,
        }
    }

    /// Runs a step of the pixel stage. Any other step changes nothing.
    pub(crate) fn apply(&self, pixels: Pixels) -> Result<Pixels, DataError> {
        match self {
            Self::CenterCrop(step) => step.apply(&pixels),
            Self::Convert(step) => step.apply(pixels),
            Self::Invert(_) => Invert::apply(pixels),
            Self::Pad(step) => step.apply(&pixels),
            Self::Resize(step) => step.apply(pixels),
            Self::CleanText(_)
            | Self::ClipOutliers(_)
            | Self::Columns(_)
            | Self::Dates(_)
            | Self::Decode(_)
            | Self::EncodeCategories(_)
            | Self::Impute(_)
            | Self::Normalize(_)
            | Self::QuantileNormal(_)
            | Self::Standardize(_)
            | Self::Tokenize(_)
            | Self::Truncate(_) => Ok(pixels),
        }
    }

    pub(crate) fn shape_after(&self, shape: PartialShape) -> PartialShape {
        let [channels, height, width] = shape;
        match self {
            Self::CenterCrop(step) => [channels, Some(step.height), Some(step.width)],
            Self::Convert(step) => [Some(step.color.channels()), height, width],
            Self::Pad(step) => [
                channels,
                height.map(|h| h + step.top + step.bottom),
                width.map(|w| w + step.left + step.right),
            ],
            Self::Resize(step) => match (step.height, step.width) {
                (Some(height), Some(width)) => [channels, Some(height), Some(width)],
                _ => [channels, None, None],
            },
            Self::CleanText(_)
            | Self::ClipOutliers(_)
            | Self::Columns(_)
            | Self::Dates(_)
            | Self::Decode(_)
            | Self::EncodeCategories(_)
            | Self::Impute(_)
            | Self::Invert(_)
            | Self::Normalize(_)
            | Self::QuantileNormal(_)
            | Self::Standardize(_)
            | Self::Tokenize(_)
            | Self::Truncate(_) => shape,
        }
    }
}

/// Checks a length that a step makes an image measure.
pub(crate) fn check_side(step: &str, name: &str, length: usize) -> Result<(), DataError> {
    if (1..=SIDE_MAX).contains(&length) {
        Ok(())
    } else {
        Err(DataError::InvalidPipeline(format!(
            "`{step}`: {name} = {length} is not in 1..={SIDE_MAX}"
        )))
    }
}

/// Checks what a step is about to make against the limit of decoded images, before memory is taken.
pub(crate) fn check_samples(
    step: &str,
    height: usize,
    width: usize,
    channels: usize,
) -> Result<(), DataError> {
    let samples = height
        .checked_mul(width)
        .and_then(|pixels| pixels.checked_mul(channels));
    if samples.is_some_and(|samples| samples as u64 <= decode::DECODED_BYTES_MAX) {
        return Ok(());
    }
    Err(DataError::WrongShape {
        actual: vec![height, width, channels],
        expected: format!("at most {} bytes in `{step}`", decode::DECODED_BYTES_MAX),
    })
}
