//! The steps of the pixel stage.

use super::{CenterCrop, Convert, Invert, Pad, Resize, Transform};
use crate::{DataError, Pixels};

/// `[channels, height, width]` as far as it is known.
pub(crate) type PartialShape = [Option<usize>; 3];

/// A step that changes an image of 8-bit samples.
#[derive(Debug, Clone)]
pub(crate) enum ImageStep {
    CenterCrop(CenterCrop),
    Convert(Convert),
    Invert,
    Pad(Pad),
    Resize(Resize),
}

impl ImageStep {
    /// The step that a transform is; none for what is not of the pixel stage.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "transforms of other domains are no steps of images, whatever they are"
    )]
    pub(crate) fn of(transform: &Transform) -> Option<Self> {
        match transform {
            Transform::CenterCrop(step) => Some(Self::CenterCrop(step.clone())),
            Transform::Convert(step) => Some(Self::Convert(step.clone())),
            Transform::Invert(_) => Some(Self::Invert),
            Transform::Pad(step) => Some(Self::Pad(step.clone())),
            Transform::Resize(step) => Some(Self::Resize(step.clone())),
            _ => None,
        }
    }

    /// Whether the step leaves this image as it is, so that it need not be copied.
    pub(crate) fn is_identity(&self, pixels: &Pixels) -> bool {
        match self {
            Self::Convert(step) => step.color.channels() == pixels.channels(),
            Self::Resize(step) => step.is_identity(pixels),
            Self::CenterCrop(_) | Self::Invert | Self::Pad(_) => false,
        }
    }

    pub(crate) fn apply(&self, pixels: Pixels) -> Result<Pixels, DataError> {
        match self {
            Self::CenterCrop(step) => step.apply(&pixels),
            Self::Convert(step) => step.apply(pixels),
            Self::Invert => Invert::apply(pixels),
            Self::Pad(step) => step.apply(&pixels),
            Self::Resize(step) => step.apply(pixels),
        }
    }

    pub(crate) fn shape_after(&self, shape: PartialShape) -> PartialShape {
        let [channels, height, width] = shape;
        match self {
            Self::CenterCrop(step) => [channels, Some(step.height), Some(step.width)],
            Self::Convert(step) => [Some(step.color.channels()), height, width],
            Self::Invert => shape,
            Self::Pad(step) => [
                channels,
                height.map(|h| h + step.top + step.bottom),
                width.map(|w| w + step.left + step.right),
            ],
            Self::Resize(step) => match (step.height, step.width) {
                (Some(height), Some(width)) => [channels, Some(height), Some(width)],
                _ => [channels, None, None],
            },
        }
    }
}
