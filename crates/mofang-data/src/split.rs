//! Splits: those of the dataset's authors where there are some, stratified by seed where not.

use std::collections::BTreeMap;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{DataError, Example, SplitName};

/// How a dataset is split and cleaned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitSettings {
    /// The share of the training examples that becomes the validation split, where the dataset has none of its own.
    pub validation_fraction: f64,
    /// The share of all examples that becomes the test split, where the dataset has none of its own.
    pub test_fraction: f64,
    /// The seed of the shuffling within each class.
    pub seed: u64,
    /// Whether unreadable, unlabelled and repeated examples are removed.
    pub clean: bool,
    /// From which similarity on (the Jaccard index of their n-grams of 5 characters, 0 to 1) two texts
    /// are nearly the same, so that cleaning keeps only one of them; 1 keeps all that differ.
    #[serde(skip_serializing_if = "is_default_similarity")]
    pub near_duplicate_similarity: f64,
}

/// The similarity of texts from which on they are nearly the same.
const NEAR_DUPLICATE_SIMILARITY: f64 = 0.9;

/// The default is not written, so that the digests of recipes from before it stay.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::float_cmp,
    reason = "serde asks for a reference; the very value of the default is meant"
)]
fn is_default_similarity(similarity: &f64) -> bool {
    *similarity == NEAR_DUPLICATE_SIMILARITY
}

impl Default for SplitSettings {
    fn default() -> Self {
        Self {
            validation_fraction: 0.1,
            test_fraction: 0.2,
            seed: 0,
            clean: true,
            near_duplicate_similarity: NEAR_DUPLICATE_SIMILARITY,
        }
    }
}

impl SplitSettings {
    /// Checks the shares.
    ///
    /// # Errors
    /// When one is not in [0, 1).
    pub fn check(&self) -> Result<(), DataError> {
        for (name, share) in [
            ("validation_fraction", self.validation_fraction),
            ("test_fraction", self.test_fraction),
        ] {
            if !(0.0..1.0).contains(&share) {
                return Err(DataError::InvalidSettings(format!(
                    "{name} = {share} is not in [0, 1)"
                )));
            }
        }
        if !(self.near_duplicate_similarity > 0.0 && self.near_duplicate_similarity <= 1.0) {
            return Err(DataError::InvalidSettings(format!(
                "near_duplicate_similarity = {} is not in (0, 1]",
                self.near_duplicate_similarity
            )));
        }
        Ok(())
    }

    /// Makes the splits that the dataset lacks.
    pub(crate) fn complete(&self, splits: &mut BTreeMap<SplitName, Vec<Example>>) {
        for (name, share) in [
            (SplitName::Test, self.test_fraction),
            (SplitName::Validation, self.validation_fraction),
        ] {
            let lacks = splits.get(&name).is_none_or(Vec::is_empty);
            if lacks
                && share > 0.0
                && let Some(train) = splits.remove(&SplitName::Train)
            {
                let (train, taken) = stratified(train, share, self.seed);
                splits.insert(SplitName::Train, train);
                splits.insert(name, taken);
            }
        }
        splits.retain(|_, examples| !examples.is_empty());
    }
}

/// Takes `share` of each class away, chosen by seed; both parts keep the original order.
fn stratified(examples: Vec<Example>, share: f64, seed: u64) -> (Vec<Example>, Vec<Example>) {
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, example) in examples.iter().enumerate() {
        // Numbers are shuffled together, as one class.
        let class = example.target.class().unwrap_or(0);
        classes.entry(class).or_default().push(index);
    }
    let mut is_taken = vec![false; examples.len()];
    for (class, mut members) in classes {
        let mut randomness = ChaCha8Rng::seed_from_u64(seed);
        randomness.set_stream(class as u64);
        members.shuffle(&mut randomness);
        let count = (members.len() as f64 * share).round() as usize;
        for index in members.into_iter().take(count) {
            if let Some(taken) = is_taken.get_mut(index) {
                *taken = true;
            }
        }
    }
    let (taken, kept): (Vec<_>, Vec<_>) = examples
        .into_iter()
        .zip(is_taken)
        .partition(|(_, taken)| *taken);
    let examples =
        |pairs: Vec<(Example, bool)>| pairs.into_iter().map(|(example, _)| example).collect();
    (examples(kept), examples(taken))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pixels, RawExample, Target};

    fn examples() -> Vec<Example> {
        (0_u8..100)
            .map(|value| Example {
                id: value.to_string(),
                input: RawExample::Pixels(Pixels::new(1, 1, 1, vec![value]).unwrap()),
                target: Target::Class(usize::from(value % 5)),
            })
            .collect()
    }

    #[test]
    fn every_class_gives_its_share_and_nothing_is_lost_or_doubled() {
        let settings = SplitSettings {
            validation_fraction: 0.25,
            test_fraction: 0.2,
            seed: 3,
            ..SplitSettings::default()
        };
        let mut splits = BTreeMap::from([(SplitName::Train, examples())]);
        settings.complete(&mut splits);
        let sizes: Vec<usize> = splits.values().map(Vec::len).collect();
        assert_eq!(sizes, [60, 20, 20]);
        for class in 0..5 {
            assert_eq!(
                splits[&SplitName::Test]
                    .iter()
                    .filter(|e| e.target == Target::Class(class))
                    .count(),
                4
            );
        }
        let mut ids: Vec<String> = splits.values().flatten().map(|e| e.id.clone()).collect();
        ids.sort_by_key(|id| id.parse::<u32>().unwrap());
        assert_eq!(
            ids,
            (0..100).map(|id: u32| id.to_string()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_seed_decides() {
        let ids = |seed| {
            let (_, taken) = stratified(examples(), 0.2, seed);
            taken.into_iter().map(|e| e.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }
}
