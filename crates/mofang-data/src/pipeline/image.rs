//! From an image to a tensor.
//!
//! Transforms of the *pixel stage* (decode, convert, resize, crop, …) work on 8-bit samples; then the
//! image becomes `f32` in [0, 1], `[channels, height, width]`; then `normalize` works on that.
//! Augmentations act between the two stages.

use std::borrow::Cow;

use mofang_types::{ModelInput, Tensor};

use super::front::{Augmenting, Front, Staged};
use crate::augmentations::Image;
use crate::transforms::{ImageStep, Normalize, decode};
use crate::{DataError, Pixels, RawExample, Transform};

/// The transforms of images.
#[derive(Debug)]
pub(super) struct ImageFront {
    pixel_stage: Vec<ImageStep>,
    normalize: Option<Normalize>,
    shape: Option<[usize; 3]>,
}

impl ImageFront {
    /// Checks the transforms, and in which order they stand.
    pub(super) fn new(transforms: &[Transform]) -> Result<Self, DataError> {
        let mut pixel_stage = Vec::new();
        let mut normalize: Option<Normalize> = None;
        for (position, transform) in transforms.iter().enumerate() {
            transform.check()?;
            let invalid = |reason: &str| Err(DataError::InvalidPipeline(reason.to_owned()));
            if let Transform::Normalize(step) = transform {
                if normalize.is_some() {
                    return invalid("`normalize` stands twice");
                }
                normalize = Some(step.clone());
            } else if normalize.is_some() {
                return Err(DataError::InvalidPipeline(format!(
                    "`{}` stands after `normalize`, which must be the last transform",
                    transform.name()
                )));
            } else if let Transform::Decode(_) = transform {
                if position > 0 {
                    return invalid("`decode` must be the first transform");
                }
            } else {
                // All steps of a pipeline are of one domain.
                pixel_stage.extend(ImageStep::of(transform));
            }
        }
        let shape = fixed_shape(&pixel_stage);
        if let (Some(normalize), Some([channels, ..])) = (&normalize, shape) {
            normalize.check_channels(channels)?;
        }
        Ok(Self {
            pixel_stage,
            normalize,
            shape,
        })
    }

    fn pixels<'a>(&self, example: &'a RawExample) -> Result<Cow<'a, Pixels>, DataError> {
        let mut pixels = match example {
            RawExample::Encoded(bytes) => Cow::Owned(decode::decode(bytes)?),
            RawExample::Pixels(pixels) => Cow::Borrowed(pixels),
            RawExample::Row(_) | RawExample::Tensor(_) | RawExample::Text(_) => {
                return Err(DataError::WrongInput {
                    expected: "images",
                    actual: example.kind(),
                });
            }
        };
        for step in &self.pixel_stage {
            if !step.is_identity(&pixels) {
                pixels = Cow::Owned(step.apply(pixels.into_owned())?);
            }
        }
        let actual = shape_of(&pixels);
        match self.shape {
            Some(expected) if expected != actual => Err(DataError::WrongShape {
                actual: actual.to_vec(),
                expected: format!("{expected:?}"),
            }),
            _ => Ok(pixels),
        }
    }
}

impl Front for ImageFront {
    fn input(&self) -> Option<ModelInput> {
        self.shape.map(ModelInput::image)
    }

    fn stage<'a>(&self, example: &'a RawExample) -> Result<Staged<'a>, DataError> {
        self.pixels(example).map(Staged::Pixels)
    }

    fn finish(
        &self,
        staged: &Staged<'_>,
        augmenting: Option<Augmenting<'_>>,
        values: &mut Vec<f32>,
        scratch: &mut Vec<f32>,
    ) -> Result<Vec<usize>, DataError> {
        let Staged::Pixels(pixels) = staged else {
            return Err(DataError::WrongInput {
                expected: "images",
                actual: "a tensor",
            });
        };
        if let Some(normalize) = &self.normalize {
            normalize.check_channels(pixels.channels())?;
        }
        let start = values.len();
        values.resize(start + pixels.data().len(), 0.0);
        let target = values.get_mut(start..).unwrap_or_default();
        to_unit_interval(pixels, target);
        if let Some((augmentations, randomness)) = augmenting {
            let mut image = Image {
                height: pixels.height(),
                width: pixels.width(),
                data: &mut *target,
                scratch,
            };
            for augmentation in augmentations {
                augmentation.apply(&mut image, randomness);
            }
        }
        if let Some(normalize) = &self.normalize {
            normalize.apply(target);
        }
        Ok(shape_of(pixels).to_vec())
    }

    fn check(&self, tensor: &Tensor) -> Result<(), DataError> {
        let shape = tensor.shape();
        if shape.len() == 3 && self.shape.is_none_or(|expected| shape == expected) {
            return Ok(());
        }
        let expected = self.shape.map_or_else(
            || "[channels, height, width]".to_owned(),
            |expected| format!("{expected:?}"),
        );
        Err(DataError::WrongShape {
            actual: shape.to_vec(),
            expected,
        })
    }
}

/// Follows the shape through the pixel stage, as far as the steps fix it.
fn fixed_shape(pixel_stage: &[ImageStep]) -> Option<[usize; 3]> {
    let shape = pixel_stage
        .iter()
        .fold([None; 3], |shape, step| step.shape_after(shape));
    match shape {
        [Some(channels), Some(height), Some(width)] => Some([channels, height, width]),
        _ => None,
    }
}

/// `[channels, height, width]`.
fn shape_of(pixels: &Pixels) -> [usize; 3] {
    [pixels.channels(), pixels.height(), pixels.width()]
}

/// `[height, width, channels]` of bytes to `[channels, height, width]` of `f32` in [0, 1].
fn to_unit_interval(pixels: &Pixels, target: &mut [f32]) {
    let unit = |sample: u8| f32::from(sample) / 255.0;
    if pixels.channels() == 1 {
        for (value, sample) in target.iter_mut().zip(pixels.data()) {
            *value = unit(*sample);
        }
        return;
    }
    let plane = (pixels.height() * pixels.width()).max(1);
    let (samples, _) = pixels.data().as_chunks::<3>();
    for (channel, target) in target.chunks_exact_mut(plane).enumerate() {
        for (value, sample) in target.iter_mut().zip(samples) {
            *value = unit(sample.get(channel).copied().unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_image_that_no_step_changes_is_not_copied() {
        let transforms: Vec<Transform> = serde_json::from_value(json!([
            {"type": "decode"}, {"type": "convert", "color": "grayscale"},
            {"type": "resize", "height": 2, "width": 1},
        ]))
        .unwrap();
        let front = ImageFront::new(&transforms).unwrap();
        let pixels = Pixels::new(2, 1, 1, vec![1, 2]).unwrap();
        let same = RawExample::Pixels(pixels);
        assert!(matches!(front.pixels(&same), Ok(Cow::Borrowed(_))));
        let other = RawExample::Pixels(Pixels::new(1, 1, 1, vec![1]).unwrap());
        assert!(matches!(front.pixels(&other), Ok(Cow::Owned(_))));
    }
}
