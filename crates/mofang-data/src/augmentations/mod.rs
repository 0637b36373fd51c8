//! Random changes of training examples. One file each; [`Augmentation`] is the closed list of them.
//!
//! Those of images act on the `f32` image in [0, 1], after every geometric transform and before
//! `normalize`; those of texts on the ids of tokens; those of recordings stand in `mofang-audio`. All
//! take their randomness from the generator that the loader seeds for each example.

mod brightness_contrast;
mod crop;
mod erasing;
mod flip;
mod image;
mod rotation;
mod span_mask;
mod token_dropout;
mod token_swap;
mod tokens;

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
pub use span_mask::SpanMask;
pub use token_dropout::TokenDropout;
pub use token_swap::TokenSwap;
pub(crate) use tokens::Tokens;

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
    /// See [`SpanMask`].
    SpanMask(SpanMask),
    /// See [`SpecAugment`].
    SpecAugment(SpecAugment),
    /// See [`SpeedPerturbation`].
    SpeedPerturbation(SpeedPerturbation),
    /// See [`TimeShift`].
    TimeShift(TimeShift),
    /// See [`TokenDropout`].
    TokenDropout(TokenDropout),
    /// See [`TokenSwap`].
    TokenSwap(TokenSwap),
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
            name: "span_mask",
            summary: "hides a stretch of tokens of a text",
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
        StepInfo {
            name: "token_dropout",
            summary: "leaves tokens of a text out",
        },
        StepInfo {
            name: "token_swap",
            summary: "lets neighbouring tokens of a text change places",
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
            Self::SpanMask(_) => "span_mask",
            Self::TokenDropout(_) => "token_dropout",
            Self::TokenSwap(_) => "token_swap",
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
            Self::SpanMask(_) | Self::TokenDropout(_) | Self::TokenSwap(_) => Domain::Text,
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
            Self::SpanMask(step) => {
                unit("span_mask", "probability", step.probability)?;
                unit("span_mask", "share_max", step.share_max)
            }
            Self::TokenDropout(step) => unit("token_dropout", "probability", step.probability),
            Self::TokenSwap(step) => unit("token_swap", "probability", step.probability),
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
            // They are of something else, and no recipe has them beside images.
            Self::AdditiveNoise(_)
            | Self::RandomGain(_)
            | Self::SpanMask(_)
            | Self::SpecAugment(_)
            | Self::SpeedPerturbation(_)
            | Self::TimeShift(_)
            | Self::TokenDropout(_)
            | Self::TokenSwap(_) => {}
        }
    }

    /// Changes a text; an augmentation of anything else changes nothing.
    pub(crate) fn apply_to_tokens(&self, tokens: &mut Tokens<'_>, randomness: &mut dyn Rng) {
        match self {
            Self::SpanMask(step) => step.apply(tokens, randomness),
            Self::TokenDropout(step) => step.apply(tokens, randomness),
            Self::TokenSwap(step) => step.apply(tokens, randomness),
            Self::RandomBrightnessContrast(_)
            | Self::RandomCrop(_)
            | Self::RandomErasing(_)
            | Self::RandomHorizontalFlip(_)
            | Self::RandomRotation(_)
            | Self::AdditiveNoise(_)
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

    fn of_images() -> Vec<Augmentation> {
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

    fn of_texts() -> Vec<Augmentation> {
        vec![
            Augmentation::SpanMask(SpanMask {
                probability: 0.8,
                share_max: 0.5,
            }),
            Augmentation::TokenDropout(TokenDropout { probability: 0.3 }),
            Augmentation::TokenSwap(TokenSwap { probability: 0.3 }),
        ]
    }

    /// `[CLS] 10 … 19 [SEP]` after `augmentation`.
    fn augmented_text(augmentation: &Augmentation, seed: u64) -> Vec<u32> {
        let mut tokens = Tokens {
            ids: std::iter::once(2).chain(10..20).chain([3]).collect(),
            mask_id: 4,
            is_special: &|id| id < 5,
        };
        augmentation.apply_to_tokens(&mut tokens, &mut ChaCha8Rng::seed_from_u64(seed));
        tokens.ids
    }

    #[test]
    fn the_same_seed_gives_the_same_bits() {
        for augmentation in of_images() {
            augmentation.check().unwrap();
            assert_eq!(augmented(&augmentation, 7), augmented(&augmentation, 7));
        }
        for augmentation in of_texts() {
            augmentation.check().unwrap();
            let first = augmented_text(&augmentation, 7);
            assert_eq!(first, augmented_text(&augmentation, 7));
        }
    }

    #[test]
    fn every_augmentation_changes_something_and_is_listed() {
        for augmentation in of_images() {
            let changed = (0..20).any(|seed| augmented(&augmentation, seed) != picture());
            assert!(changed, "{augmentation:?} never changed anything");
        }
        for augmentation in of_texts() {
            let first = augmented_text(&augmentation, 0);
            let changed = (1..20).any(|seed| augmented_text(&augmentation, seed) != first);
            assert!(changed, "{augmentation:?} is always the same");
        }
        let every: Vec<Augmentation> = [of_images(), of_texts()].concat();
        for augmentation in &every {
            let json = serde_json::to_value(augmentation).unwrap();
            assert!(
                all().iter().any(|info| json["type"] == info.name),
                "{json} is not listed"
            );
        }
        // Those of recordings are tested where they are applied, in `pipeline/recording.rs`.
        let of_recordings = 5;
        assert_eq!(every.len() + of_recordings, all().len());
        assert!(all().is_sorted_by_key(|info| info.name));
    }

    #[test]
    fn special_tokens_stay_where_they_are_and_something_is_left() {
        for probability in [0.0, 0.5, 1.0] {
            for augmentation in [
                Augmentation::TokenDropout(TokenDropout { probability }),
                Augmentation::TokenSwap(TokenSwap { probability }),
                Augmentation::SpanMask(SpanMask {
                    probability,
                    share_max: 1.0,
                }),
            ] {
                for seed in 0..20 {
                    let ids = augmented_text(&augmentation, seed);
                    assert_eq!((ids[0], ids[ids.len() - 1]), (2, 3), "{augmentation:?}");
                    assert!(ids.iter().any(|id| *id >= 10), "{augmentation:?}: {ids:?}");
                }
            }
        }
        let mut alone = Tokens {
            ids: vec![2, 3],
            mask_id: 4,
            is_special: &|id| id < 5,
        };
        for augmentation in of_texts() {
            augmentation.apply_to_tokens(&mut alone, &mut ChaCha8Rng::seed_from_u64(1));
        }
        assert_eq!(alone.ids, [2, 3]);
    }
}
