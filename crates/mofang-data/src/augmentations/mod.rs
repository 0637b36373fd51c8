//! Random changes of training examples. One file each; [`Augmentation`] is the closed list of them.
//!
//! Those of images act on the `f32` image in [0, 1], after every geometric transform and before
//! `normalize`; those of recordings stand in `mofang-audio`. All take their randomness from the
//! generator that the loader seeds for each example.

mod brightness_contrast;
mod crop;
mod erasing;
mod flip;
mod image;
mod rotation;

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

pub use brightness_contrast::RandomBrightnessContrast;
pub use crop::RandomCrop;
pub use erasing::RandomErasing;
pub use flip::RandomHorizontalFlip;
pub(crate) use image::Image;
pub use mofang_audio::augment::{
    AdditiveNoise, RandomGain, SpecAugment, SpeedPerturbation, TimeShift,
};
pub use rotation::RandomRotation;

use crate::transforms::recording::in_step;
use crate::{DataError, Domain, StepInfo};

/// A random change of a training example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Augmentation {
    /// See [`AdditiveNoise`].
    AdditiveNoise(AdditiveNoise),
    /// See [`RandomBrightnessContrast`].
    RandomBrightnessContrast(RandomBrightnessContrast),
    /// See [`RandomCrop`].
    RandomCrop(RandomCrop),
    /// See [`RandomErasing`].
    RandomErasing(RandomErasing),
    /// See [`RandomGain`].
    RandomGain(RandomGain),
    /// See [`RandomHorizontalFlip`].
    RandomHorizontalFlip(RandomHorizontalFlip),
    /// See [`RandomRotation`].
    RandomRotation(RandomRotation),
    /// See [`SpecAugment`].
    SpecAugment(SpecAugment),
    /// See [`SpeedPerturbation`].
    SpeedPerturbation(SpeedPerturbation),
    /// See [`TimeShift`].
    TimeShift(TimeShift),
}

/// Every augmentation, by name.
pub fn all() -> &'static [StepInfo] {
    &[
        StepInfo {
            name: "additive_noise",
            summary: "adds white noise to a recording",
        },
        StepInfo {
            name: "random_brightness_contrast",
            summary: "changes brightness and contrast",
        },
        StepInfo {
            name: "random_crop",
            summary: "pads with zeros and cuts the old size out somewhere",
        },
        StepInfo {
            name: "random_erasing",
            summary: "overwrites a random rectangle with zeros",
        },
        StepInfo {
            name: "random_gain",
            summary: "makes a recording louder or softer",
        },
        StepInfo {
            name: "random_horizontal_flip",
            summary: "mirrors left and right",
        },
        StepInfo {
            name: "random_rotation",
            summary: "turns by a random angle",
        },
        StepInfo {
            name: "spec_augment",
            summary: "hides bands and stretches of time of features",
        },
        StepInfo {
            name: "speed_perturbation",
            summary: "plays a recording faster or slower",
        },
        StepInfo {
            name: "time_shift",
            summary: "moves a recording earlier or later",
        },
    ]
}

impl Augmentation {
    /// The `type` of the augmentation.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AdditiveNoise(_) => "additive_noise",
            Self::RandomBrightnessContrast(_) => "random_brightness_contrast",
            Self::RandomCrop(_) => "random_crop",
            Self::RandomErasing(_) => "random_erasing",
            Self::RandomGain(_) => "random_gain",
            Self::RandomHorizontalFlip(_) => "random_horizontal_flip",
            Self::RandomRotation(_) => "random_rotation",
            Self::SpecAugment(_) => "spec_augment",
            Self::SpeedPerturbation(_) => "speed_perturbation",
            Self::TimeShift(_) => "time_shift",
        }
    }

    /// What it changes.
    pub fn domain(&self) -> Domain {
        match self {
            Self::RandomBrightnessContrast(_)
            | Self::RandomCrop(_)
            | Self::RandomErasing(_)
            | Self::RandomHorizontalFlip(_)
            | Self::RandomRotation(_) => Domain::Image,
            Self::AdditiveNoise(_)
            | Self::RandomGain(_)
            | Self::SpecAugment(_)
            | Self::SpeedPerturbation(_)
            | Self::TimeShift(_) => Domain::Recording,
        }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), DataError> {
        match self {
            Self::RandomBrightnessContrast(step) => {
                unit("random_brightness_contrast", "brightness", step.brightness)?;
                unit("random_brightness_contrast", "contrast", step.contrast)
            }
            Self::RandomCrop(step) => {
                crate::transforms::check_side("random_crop", "padding", step.padding)
            }
            Self::RandomErasing(step) => {
                unit("random_erasing", "probability", step.probability)?;
                unit("random_erasing", "area_max", step.area_max)
            }
            Self::RandomHorizontalFlip(step) => {
                unit("random_horizontal_flip", "probability", step.probability)
            }
            Self::RandomRotation(step) => {
                unit("random_rotation", "degrees / 180", step.degrees / 180.0)
            }
            Self::AdditiveNoise(step) => step.check().map_err(in_step("additive_noise")),
            Self::RandomGain(step) => step.check().map_err(in_step("random_gain")),
            Self::SpecAugment(step) => step.check().map_err(in_step("spec_augment")),
            Self::SpeedPerturbation(step) => step.check().map_err(in_step("speed_perturbation")),
            Self::TimeShift(step) => step.check().map_err(in_step("time_shift")),
        }
    }

    /// Changes an image.
    pub(crate) fn apply(&self, image: &mut Image<'_>, randomness: &mut dyn Rng) {
        match self {
            Self::RandomBrightnessContrast(step) => step.apply(image, randomness),
            Self::RandomCrop(step) => step.apply(image, randomness),
            Self::RandomErasing(step) => step.apply(image, randomness),
            Self::RandomHorizontalFlip(step) => step.apply(image, randomness),
            Self::RandomRotation(step) => step.apply(image, randomness),
            // They change no image; the front of recordings applies them.
            Self::AdditiveNoise(_)
            | Self::RandomGain(_)
            | Self::SpecAugment(_)
            | Self::SpeedPerturbation(_)
            | Self::TimeShift(_) => {}
        }
    }
}

fn unit(step: &str, name: &str, value: f32) -> Result<(), DataError> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(DataError::InvalidPipeline(format!(
            "`{step}`: {name} = {value} is not in [0, 1]"
        )))
    }
}

/// A number in `[-range, range]`, uniformly.
fn symmetric(randomness: &mut dyn Rng, range: f32) -> f32 {
    (randomness.random::<f32>() * 2.0 - 1.0) * range
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn picture() -> Vec<f32> {
        (0_u8..16).map(|value| f32::from(value) / 16.0).collect()
    }

    /// The picture after `augmentation` with the randomness of `seed`.
    fn augmented(augmentation: &Augmentation, seed: u64) -> Vec<f32> {
        let (mut data, mut scratch) = (picture(), Vec::new());
        let mut image = Image {
            height: 4,
            width: 4,
            data: &mut data,
            scratch: &mut scratch,
        };
        augmentation.apply(&mut image, &mut ChaCha8Rng::seed_from_u64(seed));
        data
    }

    fn every() -> Vec<Augmentation> {
        vec![
            Augmentation::RandomBrightnessContrast(RandomBrightnessContrast {
                brightness: 0.2,
                contrast: 0.2,
            }),
            Augmentation::RandomCrop(RandomCrop { padding: 1 }),
            Augmentation::RandomErasing(RandomErasing {
                probability: 1.0,
                area_max: 0.3,
            }),
            Augmentation::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
            Augmentation::RandomRotation(RandomRotation { degrees: 15.0 }),
        ]
    }

    #[test]
    fn the_same_seed_gives_the_same_bits() {
        for augmentation in every() {
            augmentation.check().unwrap();
            assert_eq!(augmented(&augmentation, 7), augmented(&augmentation, 7));
        }
    }

    #[test]
    fn every_augmentation_changes_something_and_is_listed() {
        for augmentation in every() {
            let changed = (0..20).any(|seed| augmented(&augmentation, seed) != picture());
            assert!(changed, "{augmentation:?} never changed anything");
            let json = serde_json::to_value(&augmentation).unwrap();
            assert!(
                all().iter().any(|info| json["type"] == info.name),
                "{json} is not listed"
            );
        }
        // Those of recordings are tested where they are applied, in `pipeline/recording.rs`.
        const OF_RECORDINGS: usize = 5;
        assert_eq!(every().len() + OF_RECORDINGS, all().len());
        assert!(all().is_sorted_by_key(|info| info.name));
    }
}
