//! The steps before a model. One file each; [`Transform`] is the closed list of them.
//!
//! # Adding one
#![doc = include_str!("../../../../docs/adding-a-transform.md")]

mod center_crop;
mod clean_text;
mod convert;
pub(crate) mod decode;
mod image_step;
mod invert;
mod normalize;
mod pad;
pub mod recording;
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
pub(crate) use image_step::ImageStep;
pub use invert::Invert;
pub use normalize::Normalize;
pub use pad::Pad;
pub use recording::{
    Align, DecodeAudio, MelSettings, MfccSettings, NormalizePeak, PadOrTrim, ResampleAudio,
    SilenceSettings, StandardizeFeatures,
};
pub use resize::{Filter, Resize};
pub use table::{
    Bounds, ClipOutliers, Column, Columns, DatePart, Dates, EncodeCategories, Fill, Impute,
    QuantileNormal, Scale, Standardize, UsedKind,
};
pub use tokenize::Tokenize;
pub use truncate::Truncate;

use recording::in_step;

use crate::{DataError, Domain, StepInfo};

/// The most that a step may make an image measure in one direction.
const SIDE_MAX: usize = 8_192;

/// A step before the model. Steps are stored in packages by their `type`; what runs them is the front of
/// their domain (`crate::pipeline`).
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
    /// See [`DecodeAudio`].
    DecodeAudio(DecodeAudio),
    /// See [`EncodeCategories`].
    EncodeCategories(EncodeCategories),
    /// See [`Impute`].
    Impute(Impute),
    /// See [`Invert`].
    Invert(Invert),
    /// See [`MelSettings`].
    LogMel(MelSettings),
    /// See [`MfccSettings`].
    Mfcc(MfccSettings),
    /// See [`Normalize`].
    Normalize(Normalize),
    /// See [`NormalizePeak`].
    NormalizePeak(NormalizePeak),
    /// See [`Pad`].
    Pad(Pad),
    /// See [`PadOrTrim`].
    PadOrTrim(PadOrTrim),
    /// See [`QuantileNormal`].
    QuantileNormal(QuantileNormal),
    /// See [`ResampleAudio`].
    ResampleAudio(ResampleAudio),
    /// See [`Resize`].
    Resize(Resize),
    /// See [`Standardize`].
    Standardize(Standardize),
    /// See [`StandardizeFeatures`].
    StandardizeFeatures(StandardizeFeatures),
    /// See [`Tokenize`].
    Tokenize(Tokenize),
    /// See [`SilenceSettings`].
    TrimSilence(SilenceSettings),
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
            name: "decode_audio",
            summary: "reads a WAV, FLAC or MP3 file, within limits",
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
            name: "log_mel",
            summary: "the logarithm of a mel spectrogram, as torchaudio computes it",
        },
        StepInfo {
            name: "mfcc",
            summary: "mel-frequency cepstral coefficients, as torchaudio computes them",
        },
        StepInfo {
            name: "normalize",
            summary: "(value − mean) / std per channel, value in [0, 1]",
        },
        StepInfo {
            name: "normalize_peak",
            summary: "scales a recording to a largest sample",
        },
        StepInfo {
            name: "pad",
            summary: "adds a border of one value",
        },
        StepInfo {
            name: "pad_or_trim",
            summary: "makes recordings equally long",
        },
        StepInfo {
            name: "quantile_normal",
            summary: "brings the numbers of a table into a normal distribution",
        },
        StepInfo {
            name: "resample_audio",
            summary: "gives recordings one sample rate",
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
            name: "standardize_features",
            summary: "(value − mean) / std per band, which the training split may give",
        },
        StepInfo {
            name: "tokenize",
            summary: "a text to the ids of its tokens, by a tokenizer that is trained or given",
        },
        StepInfo {
            name: "trim_silence",
            summary: "cuts silence off both ends of a recording",
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
            Self::DecodeAudio(_) => "decode_audio",
            Self::EncodeCategories(_) => "encode_categories",
            Self::Impute(_) => "impute",
            Self::Invert(_) => "invert",
            Self::LogMel(_) => "log_mel",
            Self::Mfcc(_) => "mfcc",
            Self::Normalize(_) => "normalize",
            Self::NormalizePeak(_) => "normalize_peak",
            Self::Pad(_) => "pad",
            Self::PadOrTrim(_) => "pad_or_trim",
            Self::QuantileNormal(_) => "quantile_normal",
            Self::ResampleAudio(_) => "resample_audio",
            Self::Resize(_) => "resize",
            Self::Standardize(_) => "standardize",
            Self::StandardizeFeatures(_) => "standardize_features",
            Self::Tokenize(_) => "tokenize",
            Self::TrimSilence(_) => "trim_silence",
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
            Self::DecodeAudio(_)
            | Self::LogMel(_)
            | Self::Mfcc(_)
            | Self::NormalizePeak(_)
            | Self::PadOrTrim(_)
            | Self::ResampleAudio(_)
            | Self::StandardizeFeatures(_)
            | Self::TrimSilence(_) => Domain::Recording,
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
        if let Self::Tokenize(step) = self {
            step.from.as_deref()
        } else {
            None
        }
    }

    /// Checks what a step says by itself; that steps fit together is the matter of their front.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        match self {
            Self::CenterCrop(step) => step.check(),
            Self::ClipOutliers(step) => step.check(),
            Self::EncodeCategories(step) => step.check(),
            Self::Normalize(step) => step.check(),
            Self::NormalizePeak(step) => step.check(),
            Self::Pad(step) => step.check(),
            Self::PadOrTrim(step) => step.check(),
            Self::QuantileNormal(step) => step.check(),
            Self::ResampleAudio(step) => step.check(),
            Self::Resize(step) => step.check(),
            Self::StandardizeFeatures(step) => step.check(),
            Self::Tokenize(step) => step.check(),
            Self::TrimSilence(step) => step.check().map_err(in_step("trim_silence")),
            Self::Truncate(step) => step.check(),
            // Features are checked with the sample rate that they are computed at.
            Self::CleanText(_)
            | Self::Columns(_)
            | Self::Convert(_)
            | Self::Dates(_)
            | Self::Decode(_)
            | Self::DecodeAudio(_)
            | Self::Impute(_)
            | Self::Invert(_)
            | Self::LogMel(_)
            | Self::Mfcc(_)
            | Self::Standardize(_) => Ok(()),
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
