//! The pipeline of a model: transforms before it, decoders after it.
//!
//! Transforms act in two stages. Those of the *pixel stage* (decode, convert, resize, crop, …) work
//! on 8-bit samples; then the image becomes `f32` in [0, 1], `[channels, height, width]`; then
//! `normalize` works on that. Augmentations act between the two stages.

use std::borrow::Cow;

use mofang_types::{Prediction, Tensor, with_suggestion};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::augmentations::Image;
use crate::transforms::{Normalize, decode};
use crate::{Augmentation, DataError, Decoder, Pixels, RawExample, Transform};

/// The steps around a model, as they are written in a recipe and stored in a package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The steps before the model, in order.
    pub transforms: Vec<Transform>,
    /// The steps after the model, in order.
    pub decoders: Vec<Decoder>,
}

impl Pipeline {
    /// Reads a pipeline from the JSON of a package's manifest.
    ///
    /// # Errors
    /// When a step is unknown or has a wrong parameter; the message names it.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, DataError> {
        Self::deserialize(json)
            .map_err(|error| DataError::InvalidPipeline(with_suggestion(&error.to_string())))
    }

    /// Checks the steps and makes them ready to run, with the labels that the decoders name.
    ///
    /// # Errors
    /// When the steps cannot follow each other as they do, or a parameter is out of its range.
    pub fn compile(&self, labels: &[String]) -> Result<CompiledPipeline, DataError> {
        let mut pixel_stage = Vec::new();
        let mut normalize: Option<Normalize> = None;
        for transform in &self.transforms {
            transform.check()?;
            match transform {
                Transform::Normalize(step) if normalize.is_none() => normalize = Some(step.clone()),
                Transform::Normalize(_) => {
                    return Err(DataError::InvalidPipeline(
                        "`normalize` stands twice".to_owned(),
                    ));
                }
                Transform::Decode(_) if !pixel_stage.is_empty() => {
                    return Err(DataError::InvalidPipeline(
                        "`decode` must be the first transform".to_owned(),
                    ));
                }
                Transform::CenterCrop(_)
                | Transform::Convert(_)
                | Transform::Decode(_)
                | Transform::Invert(_)
                | Transform::Pad(_)
                | Transform::Resize(_) => {
                    if normalize.is_some() {
                        return Err(DataError::InvalidPipeline(format!(
                            "`{}` stands after `normalize`, which must be the last transform",
                            transform.name()
                        )));
                    }
                    pixel_stage.push(transform.clone());
                }
            }
        }
        let top_k = crate::decoders::check(&self.decoders)?;
        let mut compiled = CompiledPipeline {
            pixel_stage,
            normalize,
            top_k,
            labels: labels.to_vec(),
            output_shape: None,
        };
        compiled.output_shape = compiled.fixed_shape();
        if let (Some(normalize), Some([channels, ..])) =
            (&compiled.normalize, compiled.output_shape)
        {
            normalize.check_channels(channels)?;
        }
        Ok(compiled)
    }
}

/// A pipeline that is checked and ready to run. Cheap to share between threads.
#[derive(Debug, Clone)]
pub struct CompiledPipeline {
    pixel_stage: Vec<Transform>,
    normalize: Option<Normalize>,
    top_k: usize,
    labels: Vec<String>,
    output_shape: Option<[usize; 3]>,
}

impl CompiledPipeline {
    /// The labels of the classes, by index.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The shape `[channels, height, width]` that every prepared input has, when the transforms fix it.
    pub fn output_shape(&self) -> Option<[usize; 3]> {
        self.output_shape
    }

    /// Prepares an input: runs every transform. The result is `[channels, height, width]`.
    ///
    /// # Errors
    /// When the image cannot be decoded, is too large, or does not have the shape that a step needs;
    /// for a ready tensor, when its shape is wrong or a value is not finite.
    pub fn prepare(&self, input: &RawExample) -> Result<Tensor, DataError> {
        match input {
            RawExample::Tensor(tensor) => {
                self.check(tensor)?;
                Ok(tensor.clone())
            }
            RawExample::Encoded(_) | RawExample::Pixels(_) => {
                self.finish(&self.to_pixels(input)?, &[], None)
            }
        }
    }

    /// Prepares an input for training: as [`Self::prepare`], with the augmentations between the
    /// pixel stage and `normalize`.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_augmented(
        &self,
        input: &RawExample,
        augmentations: &[Augmentation],
        randomness: &mut dyn Rng,
    ) -> Result<Tensor, DataError> {
        self.finish(&self.to_pixels(input)?, augmentations, Some(randomness))
    }

    /// Runs the pixel stage only. A training set that fits in memory keeps its result.
    ///
    /// # Errors
    /// As [`Self::prepare`]; a ready tensor has no pixels.
    pub fn to_pixels(&self, input: &RawExample) -> Result<Pixels, DataError> {
        self.pixels_of(input).map(Cow::into_owned)
    }

    /// As [`Self::to_pixels`], without a copy where no step changes the input.
    pub(crate) fn pixels_of<'a>(
        &self,
        input: &'a RawExample,
    ) -> Result<Cow<'a, Pixels>, DataError> {
        let mut pixels = match input {
            RawExample::Encoded(bytes) => Cow::Owned(decode::decode(bytes)?),
            RawExample::Pixels(pixels) => Cow::Borrowed(pixels),
            RawExample::Tensor(_) => {
                return Err(DataError::InvalidSettings(
                    "a ready tensor has no pixels to transform".to_owned(),
                ));
            }
        };
        for step in &self.pixel_stage {
            if !step.is_identity(&pixels) {
                pixels = Cow::Owned(step.apply(pixels.into_owned())?);
            }
        }
        let actual = shape_of(&pixels);
        match self.output_shape {
            Some(expected) if expected != actual => Err(DataError::WrongShape {
                actual: actual.to_vec(),
                expected: format!("{expected:?}"),
            }),
            _ => Ok(pixels),
        }
    }

    /// Runs what comes after the pixel stage.
    ///
    /// # Errors
    /// When the channels do not fit `normalize`.
    pub fn finish(
        &self,
        pixels: &Pixels,
        augmentations: &[Augmentation],
        randomness: Option<&mut dyn Rng>,
    ) -> Result<Tensor, DataError> {
        let mut data = vec![0.0; pixels.data().len()];
        let randomness = randomness.map(|randomness| (augmentations, randomness));
        self.finish_into(pixels, randomness, &mut data, &mut Vec::new())?;
        Tensor::new(shape_of(pixels).to_vec(), data)
            .map_err(|error| DataError::InvalidSettings(error.to_string()))
    }

    /// As [`Self::finish`], into `target`, which has as many values as there are samples. `scratch`
    /// is room that the caller keeps from one image to the next.
    pub(crate) fn finish_into(
        &self,
        pixels: &Pixels,
        augmentations: Option<(&[Augmentation], &mut dyn Rng)>,
        target: &mut [f32],
        scratch: &mut Vec<f32>,
    ) -> Result<(), DataError> {
        if let Some(normalize) = &self.normalize {
            normalize.check_channels(pixels.channels())?;
        }
        to_unit_interval(pixels, target);
        if let Some((augmentations, randomness)) = augmentations {
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
        Ok(())
    }

    /// Turns the model's output for one example into a prediction of the `top_k` best classes
    /// (the pipeline's own number when `None`).
    ///
    /// # Errors
    /// When there are not as many logits as labels, or one is not finite.
    pub fn decode(&self, logits: &[f32], top_k: Option<usize>) -> Result<Prediction, DataError> {
        crate::decoders::decode(logits, &self.labels, top_k.unwrap_or(self.top_k))
    }

    /// Checks a tensor that somebody else has prepared.
    ///
    /// # Errors
    /// When its shape is not `[channels, height, width]` as the transforms make it, or a value is not
    /// finite.
    pub fn check(&self, tensor: &Tensor) -> Result<(), DataError> {
        let shape = tensor.shape();
        if self.output_shape.is_some_and(|expected| shape != expected) || shape.len() != 3 {
            let expected = self.output_shape.map_or_else(
                || "[channels, height, width]".to_owned(),
                |expected| format!("{expected:?}"),
            );
            return Err(DataError::WrongShape {
                actual: shape.to_vec(),
                expected,
            });
        }
        let data = tensor.data();
        // Without a way out in the middle of a stretch the compiler looks at many values at once.
        let all_finite = |stretch: &[f32]| {
            stretch
                .iter()
                .fold(true, |so_far, value| so_far & value.is_finite())
        };
        if data.chunks(4096).all(all_finite) {
            return Ok(());
        }
        let index = data.iter().position(|value| !value.is_finite());
        Err(DataError::NotFinite {
            index: index.unwrap_or_default(),
        })
    }

    /// Follows the shape through the pixel stage, as far as the steps fix it.
    fn fixed_shape(&self) -> Option<[usize; 3]> {
        let shape = self
            .pixel_stage
            .iter()
            .fold([None; 3], |shape, step| step.shape_after(shape));
        match shape {
            [Some(channels), Some(height), Some(width)] => Some([channels, height, width]),
            _ => None,
        }
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

    fn compiled(transforms: &serde_json::Value) -> Result<CompiledPipeline, DataError> {
        let labels: Vec<String> = ["a", "b"].map(str::to_owned).to_vec();
        Pipeline::from_json(&json!({
            "transforms": transforms,
            "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 1}, {"type": "labels"}],
        }))?
        .compile(&labels)
    }

    #[test]
    fn an_image_becomes_the_normalized_tensor() {
        let pipeline = compiled(&json!([
            {"type": "decode"}, {"type": "convert", "color": "grayscale"},
            {"type": "resize", "height": 1, "width": 2},
            {"type": "normalize", "mean": [0.5], "std": [0.5]},
        ]))
        .unwrap();
        assert_eq!(pipeline.output_shape(), Some([1, 1, 2]));
        let png = Pixels::new(1, 2, 1, vec![0, 255])
            .unwrap()
            .to_png()
            .unwrap();
        let tensor = pipeline.prepare(&RawExample::Encoded(png)).unwrap();
        assert_eq!(tensor.shape(), [1, 1, 2]);
        mofang_types::testing::assert_close(tensor.data(), &[-1.0, 1.0], 1e-6);
    }

    #[test]
    fn wrong_orders_and_names_are_refused() {
        for (transforms, part) in [
            (
                json!([{"type": "normalize", "mean": [0.5], "std": [0.5]}, {"type": "invert"}]),
                "after `normalize`",
            ),
            (
                json!([{"type": "invert"}, {"type": "decode"}]),
                "`decode` must be the first",
            ),
            (
                json!([{"type": "resiz", "height": 1, "width": 1}]),
                "did you mean `resize`?",
            ),
            (
                json!([{"type": "normalize", "mean": [0.5], "std": [0.0]}]),
                "std",
            ),
            (
                json!([{"type": "resize", "height": 0, "width": 1}]),
                "height",
            ),
            (
                json!([{"type": "resize", "heigth": 1, "width": 1}]),
                "did you mean `height`?",
            ),
            (
                json!([{"type": "convert", "color": "greyscale"}]),
                "did you mean `grayscale`?",
            ),
            (json!([{"type": "invert", "by": 3}]), "unknown field `by`"),
        ] {
            let message = compiled(&transforms).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn unknown_decoders_and_their_keys_are_refused() {
        for (decoders, part) in [
            (json!([{"type": "softmaxx"}]), "did you mean `softmax`?"),
            (
                json!([{"type": "softmax", "temperature": 2}]),
                "unknown field `temperature`",
            ),
            (json!([{"type": "top_k", "n": 2}]), "unknown field `n`"),
        ] {
            let json = json!({"transforms": [], "decoders": decoders});
            let message = Pipeline::from_json(&json).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn channels_become_planes() {
        let pipeline = compiled(&json!([])).unwrap();
        let pixels = Pixels::new(1, 2, 3, vec![0, 51, 102, 153, 204, 255]).unwrap();
        let tensor = pipeline.prepare(&RawExample::Pixels(pixels)).unwrap();
        assert_eq!(tensor.shape(), [3, 1, 2]);
        mofang_types::testing::assert_close(tensor.data(), &[0.0, 0.6, 0.2, 0.8, 0.4, 1.0], 1e-6);
    }

    #[test]
    fn an_image_that_no_step_changes_is_not_copied() {
        let pipeline = compiled(&json!([
            {"type": "decode"}, {"type": "convert", "color": "grayscale"},
            {"type": "resize", "height": 2, "width": 1},
        ]))
        .unwrap();
        let pixels = Pixels::new(2, 1, 1, vec![1, 2]).unwrap();
        let same = RawExample::Pixels(pixels);
        assert!(matches!(pipeline.pixels_of(&same), Ok(Cow::Borrowed(_))));
        let other = RawExample::Pixels(Pixels::new(1, 1, 1, vec![1]).unwrap());
        assert!(matches!(pipeline.pixels_of(&other), Ok(Cow::Owned(_))));
    }

    #[test]
    fn a_ready_tensor_is_checked() {
        let pipeline = compiled(&json!([
            {"type": "convert", "color": "grayscale"}, {"type": "resize", "height": 2, "width": 2},
        ]))
        .unwrap();
        let tensor =
            |shape: Vec<usize>, data| RawExample::Tensor(Tensor::new(shape, data).unwrap());
        assert!(
            pipeline
                .prepare(&tensor(vec![1, 2, 2], vec![0.0; 4]))
                .is_ok()
        );
        assert!(matches!(
            pipeline.prepare(&tensor(vec![1, 4], vec![0.0; 4])),
            Err(DataError::WrongShape { .. })
        ));
        assert!(matches!(
            pipeline.prepare(&tensor(vec![1, 2, 2], vec![0.0, f32::NAN, 0.0, 0.0])),
            Err(DataError::NotFinite { index: 1 })
        ));
    }
}
