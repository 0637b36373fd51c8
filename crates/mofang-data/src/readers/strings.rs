//! Recordings that are put together into longer ones, such as digits into numbers.

use std::collections::BTreeMap;

use mofang_audio::{Waveform, decode, encode_wav};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::RawSplits;
use crate::{DataError, Example, RawExample, SplitName, Target};

/// Most recordings that are put together into one, and most of these.
const LENGTH_MAX: usize = 100;
const COUNT_MAX: usize = 1_000_000;

/// Longest pause.
const PAUSE_SECONDS_MAX: f64 = 10.0;

/// How recordings of the same group (such as a speaker) and split are put together into longer ones, by seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strings {
    /// How many longer recordings each split gets.
    pub counts: BTreeMap<SplitName, usize>,
    /// The least and the most recordings in one.
    pub length: [usize; 2],
    /// The shortest and the longest silence between two of them.
    #[serde(default)]
    pub pause_seconds: [f64; 2],
    /// The seed of all choices.
    #[serde(default)]
    pub seed: u64,
}

/// A recording to put together with others.
pub(super) struct Piece<'a> {
    pub(super) id: &'a str,
    pub(super) split: SplitName,
    pub(super) group: Option<&'a str>,
    pub(super) label: usize,
    pub(super) bytes: &'a [u8],
}

/// A recording that is read.
struct Sound {
    label: usize,
    waveform: Waveform,
}

impl Strings {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When one is empty or too large.
    pub fn check(&self) -> Result<(), DataError> {
        let invalid =
            |reason: String| Err(DataError::InvalidSettings(format!("`strings`: {reason}")));
        let [least, most] = self.length;
        if least == 0 || least > most || most > LENGTH_MAX {
            return invalid(format!(
                "length = [{least}, {most}] is no range within 1 to {LENGTH_MAX}"
            ));
        }
        let [shortest, longest] = self.pause_seconds;
        if !(0.0..=PAUSE_SECONDS_MAX).contains(&shortest)
            || !(shortest..=PAUSE_SECONDS_MAX).contains(&longest)
        {
            return invalid(format!(
                "pause_seconds = [{shortest}, {longest}] is no range within 0 to {PAUSE_SECONDS_MAX}"
            ));
        }
        match self.counts.values().find(|count| **count > COUNT_MAX) {
            Some(count) => invalid(format!("{count} is more than {COUNT_MAX}")),
            None => Ok(()),
        }
    }

    /// The longer recordings of each split.
    pub(super) fn put_together(&self, pieces: &[Piece<'_>]) -> Result<RawSplits, DataError> {
        let mut splits = RawSplits::new();
        for (split, count) in &self.counts {
            let mut groups: BTreeMap<&str, Vec<Sound>> = BTreeMap::new();
            for piece in pieces.iter().filter(|piece| piece.split == *split) {
                let waveform = decode(piece.bytes)
                    .map_err(|error| DataError::from(error).of_example(piece.id))?;
                groups
                    .entry(piece.group.unwrap_or_default())
                    .or_default()
                    .push(Sound {
                        label: piece.label,
                        waveform,
                    });
            }
            let groups: Vec<(&str, Vec<Sound>)> = groups.into_iter().collect();
            if groups.is_empty() {
                return Err(DataError::InvalidSettings(format!(
                    "`strings`: there is no recording in the split {split} to put together"
                )));
            }
            let mut randomness = ChaCha8Rng::seed_from_u64(self.seed);
            randomness.set_stream(*split as u64);
            let examples = (0..*count)
                .map(|number| {
                    let (group, sounds) = &groups[randomness.random_range(0..groups.len())];
                    self.string(*split, number, (group, sounds), &mut randomness)
                })
                .collect::<Result<Vec<_>, DataError>>()?;
            splits.insert(*split, examples);
        }
        Ok(splits)
    }

    fn string(
        &self,
        split: SplitName,
        number: usize,
        (group, sounds): (&str, &[Sound]),
        randomness: &mut ChaCha8Rng,
    ) -> Result<Example, DataError> {
        let [least, most] = self.length;
        let [shortest, longest] = self.pause_seconds;
        let (mut samples, mut labels) = (Vec::new(), Vec::new());
        let mut rate = None;
        for place in 0..randomness.random_range(least..=most) {
            let sound = &sounds[randomness.random_range(0..sounds.len())];
            let own = sound.waveform.sample_rate();
            if *rate.get_or_insert(own) != own {
                return Err(DataError::InvalidSettings(
                    "`strings`: the recordings have different sample rates".to_owned(),
                ));
            }
            if place > 0 {
                let seconds = randomness.random_range(shortest..=longest);
                let silence = (seconds * f64::from(own)).round() as usize;
                samples.resize(samples.len() + silence, 0.0);
            }
            samples.extend_from_slice(sound.waveform.samples());
            labels.push(sound.label);
        }
        let waveform = Waveform::new(rate.unwrap_or_default(), samples)?;
        Ok(Example {
            id: format!("{split}/{number}-{group}"),
            input: RawExample::Encoded(encode_wav(&waveform)),
            target: Target::Labels(labels.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(value: f32, count: usize) -> Vec<u8> {
        encode_wav(&Waveform::new(8_000, vec![value; count]).unwrap())
    }

    #[test]
    fn strings_are_of_one_group_and_repeat_by_seed() {
        let sounds: Vec<Vec<u8>> = (0..4_u8).map(|i| wav(f32::from(i) / 8.0, 100)).collect();
        let piece = |index: usize, split| Piece {
            id: ["0.wav", "1.wav", "2.wav", "3.wav"][index],
            split,
            group: Some(["a", "b"][index % 2]),
            label: index,
            bytes: &sounds[index],
        };
        let pieces: Vec<Piece<'_>> = (0..4).map(|index| piece(index, SplitName::Train)).collect();
        let strings = Strings {
            counts: BTreeMap::from([(SplitName::Train, 50)]),
            length: [2, 3],
            pause_seconds: [0.0, 0.01],
            seed: 1,
        };
        let splits = strings.put_together(&pieces).unwrap();
        assert_eq!(splits, strings.put_together(&pieces).unwrap());
        let examples = &splits[&SplitName::Train];
        assert_eq!(examples.len(), 50);
        for example in examples {
            let labels = example.target.labels().unwrap();
            assert!((2..=3).contains(&labels.len()));
            assert!(labels.iter().all(|label| label % 2 == labels[0] % 2));
            let RawExample::Encoded(bytes) = &example.input else {
                panic!("no recording");
            };
            let samples = decode(bytes).unwrap().samples().len();
            let range = 100 * labels.len()..=100 * labels.len() + 80 * (labels.len() - 1);
            assert!(range.contains(&samples), "{samples}");
        }
        let test = Strings {
            counts: BTreeMap::from([(SplitName::Test, 1)]),
            ..strings.clone()
        };
        assert!(test.put_together(&pieces).is_err());
        let broken = Piece {
            bytes: b"no sound",
            ..piece(3, SplitName::Train)
        };
        let error = strings.put_together(&[broken]).unwrap_err();
        assert!(error.to_string().contains("3.wav"), "{error}");
        let empty = Strings {
            length: [3, 2],
            ..strings
        };
        assert!(empty.check().is_err());
    }
}
