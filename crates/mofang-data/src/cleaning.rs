//! Removes examples that would spoil training or its evaluation, and says which and why.

use std::collections::{BTreeMap, HashMap};

use mofang_types::ArtifactDigest;
use serde::{Deserialize, Serialize};

use crate::transforms::decode;
use crate::{Example, RawExample, SplitName};

/// Why an example was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalReason {
    /// The image cannot be decoded, or is beyond the limits.
    Unreadable,
    /// The image has no label, or one that is not in the list.
    MissingLabel,
    /// The same input stands earlier in the same split.
    DuplicateInSplit,
    /// The same input stands in the split that training is judged by.
    DuplicateAcrossSplits,
}

/// An example that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The example's id.
    pub id: String,
    /// The split that it stood in.
    pub split: SplitName,
    /// Why it was removed.
    pub reason: RemovalReason,
    /// What is wrong with it, or which example it repeats.
    pub detail: String,
}

/// What cleaning did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CleaningReport {
    /// How many examples were looked at.
    pub examined: usize,
    /// What was removed, in order.
    pub removed: Vec<Removed>,
}

impl CleaningReport {
    /// How many were removed for each reason.
    pub fn counts(&self) -> BTreeMap<RemovalReason, usize> {
        let mut counts = BTreeMap::new();
        for removed in &self.removed {
            *counts.entry(removed.reason).or_default() += 1;
        }
        counts
    }
}

/// Cleans the splits of a dataset.
///
/// Between splits the test split wins over validation, and validation over training: an example
/// that the model is judged by must not be one that it learned from.
pub(crate) fn clean(
    splits: BTreeMap<SplitName, Vec<Example>>,
    classes: usize,
) -> (BTreeMap<SplitName, Vec<Example>>, CleaningReport) {
    let mut report = CleaningReport::default();
    let mut seen: HashMap<ArtifactDigest, (SplitName, String)> = HashMap::new();
    let mut cleaned = BTreeMap::new();
    for (split, examples) in splits.into_iter().rev() {
        let mut kept = Vec::with_capacity(examples.len());
        for example in examples {
            report.examined += 1;
            if let Some((reason, detail)) = fault(&example, split, classes, &seen) {
                report.removed.push(Removed {
                    id: example.id,
                    split,
                    reason,
                    detail,
                });
            } else {
                seen.insert(
                    ArtifactDigest::of(&example.input.identity()),
                    (split, example.id.clone()),
                );
                kept.push(example);
            }
        }
        cleaned.insert(split, kept);
    }
    (cleaned, report)
}

fn fault(
    example: &Example,
    split: SplitName,
    classes: usize,
    seen: &HashMap<ArtifactDigest, (SplitName, String)>,
) -> Option<(RemovalReason, String)> {
    if example.label >= classes {
        return Some((
            RemovalReason::MissingLabel,
            format!("label {} of {classes} classes", example.label),
        ));
    }
    if let RawExample::Encoded(bytes) = &example.input
        && let Err(error) = decode::decode(bytes)
    {
        return Some((RemovalReason::Unreadable, error.to_string()));
    }
    let (other_split, other) = seen.get(&ArtifactDigest::of(&example.input.identity()))?;
    let reason = if *other_split == split {
        RemovalReason::DuplicateInSplit
    } else {
        RemovalReason::DuplicateAcrossSplits
    };
    Some((reason, format!("the same as {other} in {other_split}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    fn example(id: &str, value: u8, label: usize) -> Example {
        let input = RawExample::Pixels(Pixels::new(1, 1, 1, vec![value]).unwrap());
        Example {
            id: id.to_owned(),
            input,
            label,
        }
    }

    #[test]
    fn every_fault_is_found_and_the_test_split_keeps_its_examples() {
        let unreadable = Example {
            id: "u".to_owned(),
            input: RawExample::Encoded(vec![1, 2]),
            label: 0,
        };
        let splits = BTreeMap::from([
            (
                SplitName::Train,
                vec![
                    example("a", 1, 0),
                    example("b", 1, 0),
                    example("c", 2, 1),
                    unreadable,
                ],
            ),
            (
                SplitName::Test,
                vec![example("d", 2, 1), example("e", 3, 9)],
            ),
        ]);
        let (cleaned, report) = clean(splits, 2);
        let ids = |split| {
            cleaned[&split]
                .iter()
                .map(|e| e.id.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(SplitName::Train), ["a"]);
        assert_eq!(ids(SplitName::Test), ["d"]);
        assert_eq!(report.examined, 6);
        assert_eq!(
            report.counts(),
            BTreeMap::from([
                (RemovalReason::Unreadable, 1),
                (RemovalReason::MissingLabel, 1),
                (RemovalReason::DuplicateInSplit, 1),
                (RemovalReason::DuplicateAcrossSplits, 1),
            ])
        );
    }
}
