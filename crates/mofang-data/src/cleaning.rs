//! Removes examples that would spoil training or its evaluation, and says which and why.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::text::{NearDuplicates, Signature, TEXT_BYTES_MAX, comparable};
use crate::transforms::decode;
use crate::{Example, ImageSize, RawExample, Repetitions, SplitName, Target, TextLength};

/// Why an example was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalReason {
    /// The image or recording cannot be decoded, or is beyond the limits; or the text is empty.
    Unreadable,
    /// The image does not have the size that the dataset's images have, or the text not the length.
    WrongShape,
    /// It has no label, or one that is not in the list; or what it is to learn is no number.
    MissingLabel,
    /// The same input stands earlier in the same split.
    DuplicateInSplit,
    /// The same input stands in the split that training is judged by.
    DuplicateAcrossSplits,
    /// Nearly the same text stands earlier in the same split.
    NearDuplicateInSplit,
    /// Nearly the same text stands in the split that training is judged by.
    NearDuplicateAcrossSplits,
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
    /// Rows of a table to learn from that are there in another split too, the target included; two
    /// things may well agree in every column, so they are kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_in_two_splits: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
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

/// What an example has to be to stay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// How many labels there are.
    pub(crate) classes: usize,
    /// The size of every image, where it is fixed.
    pub(crate) image_size: Option<ImageSize>,
    /// The length of every text, where it is bounded.
    pub(crate) text_length: Option<TextLength>,
    /// From which similarity on two texts are nearly the same.
    pub(crate) near_duplicate_similarity: f64,
    /// Whether files are recordings, not images.
    pub(crate) recordings: bool,
    /// What becomes of repeated inputs.
    pub(crate) repetitions: Option<Repetitions>,
}

impl Expected {
    fn removes_repetitions(self, input: &RawExample) -> bool {
        self.repetitions.map_or_else(
            || !matches!(input, RawExample::Row(_)),
            |repetitions| repetitions == Repetitions::Remove,
        )
    }
}

/// Cleans the splits of a dataset; `report` begins with what the reader left out. Rows that differ in the
/// columns `ignored` alone are the same to a model, which is not given them.
///
/// Between splits the test split wins over validation, and validation over training: an example
/// that the model is judged by must not be one that it learned from.
pub(crate) fn clean(
    splits: BTreeMap<SplitName, Vec<Example>>,
    expected: Expected,
    ignored: &BTreeSet<String>,
    report: &mut CleaningReport,
) -> BTreeMap<SplitName, Vec<Example>> {
    let mut kept = Kept::new(expected.near_duplicate_similarity, ignored);
    for (split, examples) in splits.into_iter().rev() {
        for example in examples {
            report.examined += 1;
            let signature = kept.signature(&example.input);
            let repeated = || {
                let exactly = kept.repeated(split, &example);
                exactly.or_else(|| kept.nearly_repeated(split, signature.as_ref()))
            };
            let fault = fault(&example, expected).or_else(|| {
                let removes = expected.removes_repetitions(&example.input);
                removes.then(repeated).flatten()
            });
            match fault {
                None => kept.add(split, example, signature),
                Some((reason, detail)) => report.removed.push(Removed {
                    id: example.id,
                    split,
                    reason,
                    detail,
                }),
            }
        }
    }
    kept.splits
}

/// How many rows to learn from stand in another split too, the target included. The columns that models
/// are not given are gone from them.
pub(crate) fn rows_in_two_splits(splits: &BTreeMap<SplitName, Vec<Example>>) -> usize {
    let rows = |is_wanted: fn(SplitName) -> bool| {
        splits
            .iter()
            .filter(move |(name, _)| is_wanted(**name))
            .flat_map(|(_, examples)| examples)
            .filter(|example| matches!(example.input, RawExample::Row(_)))
    };
    let none = BTreeSet::new();
    let mut judged: HashMap<u64, Vec<&Example>> = HashMap::new();
    for example in rows(|name| name != SplitName::Train) {
        judged
            .entry(example.input.fingerprint(&none))
            .or_default()
            .push(example);
    }
    rows(|name| name == SplitName::Train)
        .filter(|example| {
            judged
                .get(&example.input.fingerprint(&none))
                .is_some_and(|others| {
                    others
                        .iter()
                        .any(|other| other.input == example.input && other.target == example.target)
                })
        })
        .count()
}

/// The examples that stay, found by their inputs.
struct Kept<'a> {
    /// The columns that rows are not compared by.
    ignored: &'a BTreeSet<String>,
    splits: BTreeMap<SplitName, Vec<Example>>,
    /// Split and position of the examples of a fingerprint.
    places: HashMap<u64, Vec<(SplitName, usize)>>,
    /// The texts, to find what is nearly the same; none where only what is the same is removed.
    near: Option<NearDuplicates>,
    /// Split and position of the texts in `near`, in the same order.
    near_places: Vec<(SplitName, usize)>,
}

impl<'a> Kept<'a> {
    fn new(near_duplicate_similarity: f64, ignored: &'a BTreeSet<String>) -> Self {
        let is_wanted = near_duplicate_similarity < 1.0;
        Self {
            ignored,
            splits: BTreeMap::new(),
            places: HashMap::new(),
            near: is_wanted.then(|| NearDuplicates::new(near_duplicate_similarity)),
            near_places: Vec::new(),
        }
    }

    /// What a text is compared by; none for anything else.
    fn signature(&self, input: &RawExample) -> Option<Signature> {
        match input {
            RawExample::Text(text) if self.near.is_some() => Some(NearDuplicates::signature(text)),
            RawExample::Encoded(_)
            | RawExample::Pixels(_)
            | RawExample::Row(_)
            | RawExample::Tensor(_)
            | RawExample::Text(_) => None,
        }
    }

    fn nearly_repeated(
        &self,
        split: SplitName,
        signature: Option<&Signature>,
    ) -> Option<(RemovalReason, String)> {
        let (number, similarity) = self.near.as_ref()?.find(signature?)?;
        let (other_split, position) = *self.near_places.get(number)?;
        let other = self.splits.get(&other_split)?.get(position)?;
        let reason = if other_split == split {
            RemovalReason::NearDuplicateInSplit
        } else {
            RemovalReason::NearDuplicateAcrossSplits
        };
        let detail = format!(
            "{:.0} % the same as {} in {other_split}",
            similarity * 100.0,
            other.id
        );
        Some((reason, detail))
    }

    fn add(&mut self, split: SplitName, example: Example, signature: Option<Signature>) {
        let examples = self.splits.entry(split).or_default();
        if let (Some(near), Some(signature)) = (&mut self.near, signature) {
            near.add(signature);
            self.near_places.push((split, examples.len()));
        }
        self.places
            .entry(example.input.fingerprint(self.ignored))
            .or_default()
            .push((split, examples.len()));
        examples.push(example);
    }

    fn repeated(&self, split: SplitName, example: &Example) -> Option<(RemovalReason, String)> {
        let places = self.places.get(&example.input.fingerprint(self.ignored))?;
        let (other_split, other) = places.iter().find_map(|(split, position)| {
            let other = self.splits.get(split)?.get(*position)?;
            let is_same = other.input.is_same(&example.input, self.ignored);
            is_same.then_some((*split, other))
        })?;
        let reason = if other_split == split {
            RemovalReason::DuplicateInSplit
        } else {
            RemovalReason::DuplicateAcrossSplits
        };
        Some((reason, format!("the same as {} in {other_split}", other.id)))
    }
}

/// What is wrong with a target that nothing can be learned of.
pub(crate) fn missing_label(target: &Target, classes: usize) -> Option<String> {
    match target {
        Target::Class(class) if *class >= classes => {
            Some(format!("its label is none of the {classes} of the dataset"))
        }
        Target::Labels(labels) if labels.iter().any(|label| *label >= classes) => Some(format!(
            "it has a label that is none of the {classes} of the dataset"
        )),
        Target::Labels(labels) if labels.is_empty() => Some("nothing is said in it".to_owned()),
        Target::Number(number) if !number.is_finite() => {
            Some("what it is to learn is no finite number".to_owned())
        }
        Target::Class(_) | Target::Labels(_) | Target::Number(_) | Target::NextTokens => None,
    }
}

fn fault(example: &Example, expected: Expected) -> Option<(RemovalReason, String)> {
    if let Some(detail) = missing_label(&example.target, expected.classes) {
        return Some((RemovalReason::MissingLabel, detail));
    }
    let (height, width) = match &example.input {
        RawExample::Encoded(bytes) if expected.recordings => {
            let error = mofang_audio::decode(bytes).err()?;
            return Some((RemovalReason::Unreadable, error.to_string()));
        }
        RawExample::Encoded(bytes) => match decode::decode(bytes) {
            Ok(pixels) => (pixels.height(), pixels.width()),
            Err(error) => return Some((RemovalReason::Unreadable, error.to_string())),
        },
        RawExample::Pixels(pixels) => (pixels.height(), pixels.width()),
        RawExample::Text(text) if comparable(text).is_empty() => {
            return Some((RemovalReason::Unreadable, "the text is empty".to_owned()));
        }
        // What a language model learns from may be a whole book: no request carries it.
        RawExample::Text(text) if example.target == Target::NextTokens => {
            return length_fault(text, expected.text_length);
        }
        RawExample::Text(text) => return text_fault(text, expected.text_length),
        RawExample::Row(_) | RawExample::Tensor(_) => return None,
    };
    let size = expected.image_size?;
    if (size.height, size.width) == (height, width) {
        return None;
    }
    let detail = format!(
        "{height} × {width} pixels, not {} × {}",
        size.height, size.width
    );
    Some((RemovalReason::WrongShape, detail))
}

fn text_fault(text: &str, length: Option<TextLength>) -> Option<(RemovalReason, String)> {
    if text.len() > TEXT_BYTES_MAX {
        let detail = format!("{} bytes, more than {TEXT_BYTES_MAX}", text.len());
        return Some((RemovalReason::Unreadable, detail));
    }
    length_fault(text, length)
}

fn length_fault(text: &str, length: Option<TextLength>) -> Option<(RemovalReason, String)> {
    let length = length?;
    let characters = text.chars().count();
    if (length.min..=length.max).contains(&characters) {
        return None;
    }
    let detail = format!(
        "{characters} characters, not {} to {}",
        length.min, length.max
    );
    Some((RemovalReason::WrongShape, detail))
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
            target: Target::Class(label),
        }
    }

    #[test]
    fn every_fault_is_found_and_the_test_split_keeps_its_examples() {
        let unreadable = Example {
            id: "u".to_owned(),
            input: RawExample::Encoded(vec![1, 2]),
            target: Target::Class(0),
        };
        let long = Example {
            id: "l".to_owned(),
            input: RawExample::Pixels(Pixels::new(1, 2, 1, vec![9, 9]).unwrap()),
            target: Target::Class(0),
        };
        let splits = BTreeMap::from([
            (
                SplitName::Train,
                vec![
                    example("a", 1, 0),
                    example("b", 1, 0),
                    example("c", 2, 1),
                    unreadable,
                    long,
                ],
            ),
            (
                SplitName::Test,
                vec![example("d", 2, 1), example("e", 3, 9)],
            ),
        ]);
        let mut report = CleaningReport::default();
        let expected = Expected {
            classes: 2,
            image_size: Some(ImageSize {
                height: 1,
                width: 1,
            }),
            repetitions: None,
            text_length: None,
            near_duplicate_similarity: 0.9,
            recordings: false,
        };
        let cleaned = clean(splits, expected, &BTreeSet::new(), &mut report);
        let ids = |split| {
            cleaned[&split]
                .iter()
                .map(|e| e.id.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(SplitName::Train), ["a"]);
        assert_eq!(ids(SplitName::Test), ["d"]);
        assert_eq!(report.examined, 7);
        assert_eq!(
            report.counts(),
            BTreeMap::from([
                (RemovalReason::Unreadable, 1),
                (RemovalReason::WrongShape, 1),
                (RemovalReason::MissingLabel, 1),
                (RemovalReason::DuplicateInSplit, 1),
                (RemovalReason::DuplicateAcrossSplits, 1),
            ])
        );
    }

    #[test]
    fn texts_that_are_nearly_the_same_stay_once_and_the_test_split_keeps_its_own() {
        let text = |id: &str, text: &str| Example {
            id: id.to_owned(),
            input: RawExample::Text(text.to_owned()),
            target: Target::Class(0),
        };
        let long =
            "You have won a guaranteed prize, call 09061701461 from a land line now to claim it";
        let splits = || {
            BTreeMap::from([
                (
                    SplitName::Train,
                    vec![
                        text("a", "Where are you going tonight?"),
                        text("b", "WHERE  are you going tonight?"),
                        text("c", &format!("{long}!")),
                        text("d", " \u{200b}\u{0} "),
                        text("e", "ok"),
                        text("f", &"a text that is far too long ".repeat(4)),
                    ],
                ),
                (SplitName::Test, vec![text("g", long)]),
            ])
        };
        let expected = Expected {
            classes: 1,
            image_size: None,
            text_length: Some(TextLength { min: 3, max: 90 }),
            near_duplicate_similarity: 0.9,
            recordings: false,
            repetitions: None,
        };
        let mut report = CleaningReport::default();
        let cleaned = clean(splits(), expected, &BTreeSet::new(), &mut report);
        assert_eq!(cleaned[&SplitName::Train].len(), 1);
        assert_eq!(
            report.counts(),
            BTreeMap::from([
                (RemovalReason::Unreadable, 1),
                (RemovalReason::WrongShape, 2),
                (RemovalReason::NearDuplicateInSplit, 1),
                (RemovalReason::NearDuplicateAcrossSplits, 1),
            ])
        );
        assert!(
            report
                .removed
                .iter()
                .any(|removed| removed.detail.contains("the same as g in test"))
        );
        let strict = Expected {
            near_duplicate_similarity: 1.0,
            ..expected
        };
        let cleaned = clean(
            splits(),
            strict,
            &BTreeSet::new(),
            &mut CleaningReport::default(),
        );
        assert_eq!(cleaned[&SplitName::Train].len(), 3);
    }
}
