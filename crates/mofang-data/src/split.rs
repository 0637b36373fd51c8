//! Splits: those of the dataset's authors where there are some, stratified by seed where not.

use std::collections::BTreeMap;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::table::{DateFormat, Moment, number_of, text_of};
use crate::{Cell, DataError, Example, RawExample, SplitName, Target};

/// What becomes of an input that is there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repetitions {
    /// Both stay.
    Keep,
    /// One stays: that of the split that training is judged by.
    Remove,
}

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
    /// What becomes of repeated inputs. When left out, rows of a table are kept, because two things may
    /// well agree in every column, and anything else is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetitions: Option<Repetitions>,
    /// A column of a table by which its rows are in time: the last become the test split, and the last
    /// of the others the validation split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
    /// A column of a table whose equal values stay in one split, such as the number of a patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
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
    reason = "serde asks for a reference"
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
            repetitions: None,
            order_by: None,
            group_by: None,
            near_duplicate_similarity: NEAR_DUPLICATE_SIMILARITY,
        }
    }
}

impl SplitSettings {
    /// Checks the shares, and that there is one way to split.
    ///
    /// # Errors
    /// When a share is not in [0, 1), or there are two ways.
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
        if self.order_by.is_some() && self.group_by.is_some() {
            return Err(DataError::InvalidSettings(
                "a table is split by `order_by` or by `group_by`, not by both".to_owned(),
            ));
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
    ///
    /// # Errors
    /// When the column to split by is missing, or has no value in some row.
    pub(crate) fn complete(
        &self,
        splits: &mut BTreeMap<SplitName, Vec<Example>>,
    ) -> Result<(), DataError> {
        let order = match (&self.order_by, splits.get(&SplitName::Train)) {
            (Some(column), Some(train)) => Some((column, Order::of(&cells_of(train, column)?))),
            _ => None,
        };
        for (name, share) in [
            (SplitName::Test, self.test_fraction),
            (SplitName::Validation, self.validation_fraction),
        ] {
            let lacks = splits.get(&name).is_none_or(Vec::is_empty);
            if lacks
                && share > 0.0
                && let Some(train) = splits.remove(&SplitName::Train)
            {
                if let Some((kept, taken)) = cut(&train, share) {
                    splits.insert(SplitName::Train, vec![kept]);
                    splits.insert(name, vec![taken]);
                    continue;
                }
                let is_taken = match (order, &self.group_by) {
                    (Some((column, order)), _) => last(&train, share, column, order)?,
                    (None, Some(column)) => grouped(&train, share, column, self.seed)?,
                    (None, None) => stratified(&train, share, self.seed),
                };
                let (train, taken) = parted(train, is_taken);
                splits.insert(SplitName::Train, train);
                splits.insert(name, taken);
            }
        }
        splits.retain(|_, examples| !examples.is_empty());
        Ok(())
    }
}

/// How many are a share of `count`.
fn share_of(count: usize, share: f64) -> usize {
    (count as f64 * share).round() as usize
}

/// A single document as its beginning and its last `share`, in characters; none for anything else.
fn cut(examples: &[Example], share: f64) -> Option<(Example, Example)> {
    let [document] = examples else {
        return None;
    };
    let (RawExample::Text(text), Target::NextTokens) = (&document.input, &document.target) else {
        return None;
    };
    let characters = text.chars().count();
    let kept = characters - share_of(characters, share);
    let at = text
        .char_indices()
        .nth(kept)
        .map_or(text.len(), |(at, _)| at);
    let (beginning, end) = text.split_at(at);
    let part = |text: &str, part: &str| Example {
        id: format!("{} ({part})", document.id),
        input: RawExample::Text(text.to_owned()),
        target: Target::NextTokens,
    };
    Some((part(beginning, "beginning"), part(end, "end")))
}

/// The examples that stay and those that are taken, both in the original order.
fn parted(examples: Vec<Example>, is_taken: Vec<bool>) -> (Vec<Example>, Vec<Example>) {
    let (taken, kept): (Vec<_>, Vec<_>) = examples
        .into_iter()
        .zip(is_taken)
        .partition(|(_, taken)| *taken);
    let examples =
        |pairs: Vec<(Example, bool)>| pairs.into_iter().map(|(example, _)| example).collect();
    (examples(kept), examples(taken))
}

/// The cell of each example in a column, which must have one everywhere.
fn cells_of<'a>(examples: &'a [Example], column: &str) -> Result<Vec<&'a Cell>, DataError> {
    let cell = |example: &'a Example| {
        let refused = |reason: &str| DataError::malformed(&example.id, reason);
        let RawExample::Row(row) = &example.input else {
            return Err(refused("only the rows of a table are split by a column"));
        };
        match row.get(column) {
            Some(Cell::Missing) => Err(refused(&format!(
                "it has no value in the column \"{column}\", by which the table is split"
            ))),
            Some(cell) => Ok(cell),
            None => Err(refused(&format!(
                "there is no column \"{column}\" to split the table by"
            ))),
        }
    };
    examples.iter().map(cell).collect()
}

/// What the values of a column are in the order of.
///
/// It is decided over all rows: those that the test split leaves may no longer show how a date is written.
#[derive(Debug, Clone, Copy)]
enum Order {
    Numbers,
    Dates(DateFormat),
    Texts,
}

impl Order {
    fn of(cells: &[&Cell]) -> Self {
        if cells.iter().all(|cell| number_of(cell).is_some()) {
            return Self::Numbers;
        }
        let texts: Vec<String> = cells.iter().map(|cell| text_of(cell)).collect();
        DateFormat::of(texts.iter().map(String::as_str)).map_or(Self::Texts, Self::Dates)
    }
}

/// Takes the last `share` of a column; equal values keep the order of the file.
fn last(examples: &[Example], share: f64, column: &str, by: Order) -> Result<Vec<bool>, DataError> {
    let cells = cells_of(examples, column)?;
    let places: Option<Vec<f64>> = match by {
        Order::Numbers => cells.iter().map(|cell| number_of(cell)).collect(),
        Order::Dates(format) => cells
            .iter()
            .map(|cell| format.parse(&text_of(cell)).map(Moment::days))
            .collect(),
        Order::Texts => None,
    };
    let mut order: Vec<usize> = (0..examples.len()).collect();
    match places {
        Some(places) => order.sort_by(|a, b| places[*a].total_cmp(&places[*b])),
        None => order.sort_by_cached_key(|index| text_of(cells[*index])),
    }
    let mut is_taken = vec![false; examples.len()];
    for index in order
        .into_iter()
        .rev()
        .take(share_of(examples.len(), share))
    {
        is_taken[index] = true;
    }
    Ok(is_taken)
}

/// Takes whole groups, in an order by seed, until about `share` of the examples is taken.
fn grouped(
    examples: &[Example],
    share: f64,
    column: &str,
    seed: u64,
) -> Result<Vec<bool>, DataError> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, cell) in cells_of(examples, column)?.into_iter().enumerate() {
        groups.entry(text_of(cell)).or_default().push(index);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut is_taken = vec![false; examples.len()];
    let (wanted, mut taken) = (share_of(examples.len(), share), 0);
    for group in groups {
        // A group that would bring the share further from what is wanted stays.
        if taken + group.len() / 2 < wanted.max(1) {
            taken += group.len();
            for index in group {
                is_taken[index] = true;
            }
        }
    }
    Ok(is_taken)
}

/// Takes `share` of each class away, chosen by seed; numbers are shuffled together, as one class.
fn stratified(examples: &[Example], share: f64, seed: u64) -> Vec<bool> {
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, example) in examples.iter().enumerate() {
        let class = example.target.class().unwrap_or(0);
        classes.entry(class).or_default().push(index);
    }
    let mut is_taken = vec![false; examples.len()];
    for (class, mut members) in classes {
        let mut randomness = ChaCha8Rng::seed_from_u64(seed);
        randomness.set_stream(class as u64);
        members.shuffle(&mut randomness);
        let count = share_of(members.len(), share);
        for index in members.into_iter().take(count) {
            if let Some(taken) = is_taken.get_mut(index) {
                *taken = true;
            }
        }
    }
    is_taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

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
        settings.complete(&mut splits).unwrap();
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
    fn a_single_document_is_cut_by_position() {
        let text: String = "天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往".to_owned();
        let document = Example {
            id: "book:1".to_owned(),
            input: RawExample::Text(text.clone()),
            target: Target::NextTokens,
        };
        let settings = SplitSettings {
            validation_fraction: 0.25,
            test_fraction: 0.2,
            ..SplitSettings::default()
        };
        let mut splits = BTreeMap::from([(SplitName::Train, vec![document])]);
        settings.complete(&mut splits).unwrap();
        let texts: Vec<&str> = splits
            .values()
            .map(|examples| match examples.as_slice() {
                [
                    Example {
                        input: RawExample::Text(text),
                        ..
                    },
                ] => text.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(texts.concat(), text);
        let lengths: Vec<usize> = texts.iter().map(|text| text.chars().count()).collect();
        assert_eq!(lengths, [12, 4, 4]);
    }

    #[test]
    fn the_seed_decides() {
        let ids = |seed| {
            let is_taken = stratified(&examples(), 0.2, seed);
            let (_, taken) = parted(examples(), is_taken);
            taken.into_iter().map(|e| e.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }

    #[test]
    fn how_dates_are_written_is_told_by_all_of_them() {
        // Only the last, of the test split, says that the day comes first.
        let days = ["1/2/2020", "2/2/2020", "1/3/2020", "2/1/2020", "30/3/2020"];
        let columns: std::sync::Arc<[String]> = ["day".to_owned()].into();
        let examples = days.map(|day| {
            let cells = vec![Cell::Text(day.to_owned())];
            Example {
                id: day.to_owned(),
                input: RawExample::Row(crate::Row::new(columns.clone(), cells).unwrap()),
                target: Target::Class(0),
            }
        });
        let settings = SplitSettings {
            order_by: Some("day".to_owned()),
            test_fraction: 0.2,
            validation_fraction: 0.25,
            ..SplitSettings::default()
        };
        let mut splits = BTreeMap::from([(SplitName::Train, examples.to_vec())]);
        settings.complete(&mut splits).unwrap();
        assert_eq!(splits[&SplitName::Test][0].id, "30/3/2020");
        assert_eq!(splits[&SplitName::Validation][0].id, "1/3/2020");
    }

    /// A hundred rows: a day that runs backwards, and a patient with ten rows each.
    fn rows() -> Vec<Example> {
        let columns: std::sync::Arc<[String]> = ["day", "patient"].map(str::to_owned).into();
        (0_usize..100)
            .map(|index| {
                let day = format!("{}/{}/2020", 12 - index / 28, 28 - index % 28);
                let cells = vec![Cell::Text(day), Cell::Text(format!("p{}", index % 10))];
                Example {
                    id: index.to_string(),
                    input: RawExample::Row(crate::Row::new(columns.clone(), cells).unwrap()),
                    target: Target::Number(index as f64),
                }
            })
            .collect()
    }

    fn split_by(settings: SplitSettings) -> Result<BTreeMap<SplitName, Vec<usize>>, DataError> {
        let mut splits = BTreeMap::from([(SplitName::Train, rows())]);
        settings.complete(&mut splits)?;
        let ids = |examples: Vec<Example>| {
            examples
                .iter()
                .map(|example| example.id.parse().unwrap())
                .collect()
        };
        Ok(splits
            .into_iter()
            .map(|(name, examples)| (name, ids(examples)))
            .collect())
    }

    #[test]
    fn what_is_last_in_time_is_what_training_is_judged_by() {
        let splits = split_by(SplitSettings {
            order_by: Some("day".to_owned()),
            ..SplitSettings::default()
        })
        .unwrap();
        // Days run backwards, so the last in time are the first of the file.
        assert_eq!(splits[&SplitName::Test], (0..20).collect::<Vec<_>>());
        assert_eq!(splits[&SplitName::Validation], (20..28).collect::<Vec<_>>());
        assert_eq!(splits[&SplitName::Train], (28..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_group_is_in_one_split() {
        let splits = split_by(SplitSettings {
            group_by: Some("patient".to_owned()),
            ..SplitSettings::default()
        })
        .unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for ids in splits.values() {
            let own: std::collections::BTreeSet<usize> = ids.iter().map(|id| id % 10).collect();
            assert!(own.iter().all(|patient| seen.insert(*patient)));
        }
        let sizes: Vec<usize> = splits.values().map(Vec::len).collect();
        assert_eq!(sizes, [70, 10, 20]);
    }

    #[test]
    fn a_column_that_is_not_there_cannot_split() {
        let error = split_by(SplitSettings {
            group_by: Some("doctor".to_owned()),
            ..SplitSettings::default()
        });
        let message = error.unwrap_err().to_string();
        assert!(message.contains("no column \"doctor\""), "{message}");
        let settings = SplitSettings {
            group_by: Some("a".to_owned()),
            order_by: Some("b".to_owned()),
            ..SplitSettings::default()
        };
        assert!(settings.check().is_err());
        let mut images = BTreeMap::from([(SplitName::Train, examples())]);
        let settings = SplitSettings {
            order_by: Some("day".to_owned()),
            ..SplitSettings::default()
        };
        assert!(settings.complete(&mut images).is_err());
    }
}
