//! Columns that know too much: one that tells the target almost by itself is mostly made from it.

use std::collections::BTreeMap;

use super::{is_missing, number_of, text_of};
use crate::{Cell, Example, RawExample, Target};

/// How many bins of equally many rows numbers are sorted into.
const BINS: usize = 64;

/// Of what the commonest class leaves open, the share that a column may tell by itself.
const CLASS_SHARE_MAX: f64 = 0.95;

/// Of the target's variance, the share that a column may explain by itself.
const VARIANCE_SHARE_MAX: f64 = 0.9;

/// With fewer rows chance looks like knowledge.
const ROWS_MIN: usize = 100;

/// Of what is open about the target, the share that the column tells by itself, when it is
/// suspiciously much. A column of categories tells only by those that occur often.
pub(crate) fn suspicious(examples: &[Example], column: &str, is_number: bool) -> Option<f64> {
    let pairs: Vec<(&Cell, &Target)> = examples
        .iter()
        .filter_map(|example| match &example.input {
            RawExample::Row(row) => Some((row.get(column)?, &example.target)),
            RawExample::Encoded(_)
            | RawExample::Pixels(_)
            | RawExample::Tensor(_)
            | RawExample::Text(_) => None,
        })
        .collect();
    if pairs.len() < ROWS_MIN {
        return None;
    }
    let groups = if is_number {
        numbers_in_bins(&pairs)
    } else {
        let mut groups: BTreeMap<String, Vec<&Target>> = BTreeMap::new();
        for (cell, target) in &pairs {
            let text = if is_missing(cell, &[]) {
                String::new()
            } else {
                text_of(cell)
            };
            groups.entry(text).or_default().push(*target);
        }
        groups
            .into_values()
            .filter(|group| group.len() > 5)
            .collect()
    };
    let targets = pairs.iter().map(|(_, target)| *target);
    let (share, bound) = if targets.clone().all(|target| target.class().is_some()) {
        (class_share(&groups, targets), CLASS_SHARE_MAX)
    } else {
        (variance_share(&groups, targets), VARIANCE_SHARE_MAX)
    };
    (share > bound).then_some(share)
}

fn numbers_in_bins<'a>(pairs: &[(&Cell, &'a Target)]) -> Vec<Vec<&'a Target>> {
    let mut known: Vec<(f64, &Target)> = pairs
        .iter()
        .filter_map(|(cell, target)| Some((number_of(cell)?, *target)))
        .collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = known.len().div_ceil(BINS).max(8);
    known
        .chunks(size)
        .map(|chunk| chunk.iter().map(|(_, target)| *target).collect())
        .collect()
}

/// How many of the group are of its commonest class.
fn commonest<'a>(targets: impl Iterator<Item = &'a Target>) -> usize {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for class in targets.filter_map(Target::class) {
        *counts.entry(class).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

fn class_share<'a>(groups: &[Vec<&Target>], all: impl Iterator<Item = &'a Target> + Clone) -> f64 {
    let count = all.clone().count();
    let open = count - commonest(all);
    let hits: usize = groups
        .iter()
        .map(|group| commonest(group.iter().copied()))
        .sum();
    1.0 - (count - hits) as f64 / open.max(1) as f64
}

fn variance_share<'a>(groups: &[Vec<&Target>], all: impl Iterator<Item = &'a Target>) -> f64 {
    let spread = |numbers: &[f64]| {
        let mean = numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
        numbers
            .iter()
            .map(|number| (number - mean).powi(2))
            .sum::<f64>()
    };
    let all: Vec<f64> = all.filter_map(Target::number).collect();
    let in_groups: usize = groups.iter().map(Vec::len).sum();
    let within: f64 = groups
        .iter()
        .map(|group| {
            let numbers: Vec<f64> = group.iter().filter_map(|target| target.number()).collect();
            spread(&numbers)
        })
        .sum();
    // Rows that are in no group are explained by nothing.
    let whole = spread(&all);
    let outside = whole * (all.len() - in_groups.min(all.len())) as f64 / all.len().max(1) as f64;
    if whole > 0.0 {
        1.0 - (within + outside) / whole
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Row;

    fn examples(target: impl Fn(usize) -> Target) -> Vec<Example> {
        let columns: Arc<[String]> = ["leak", "noise", "key"].map(str::to_owned).into();
        (0..400)
            .map(|index| {
                let noise = (index * 7919) % 101;
                let leak = match target(index) {
                    Target::Class(class) => class as f64 * 10.0 + (noise % 7) as f64,
                    Target::Number(number) => number * 2.0 + 0.01 * noise as f64,
                    Target::Labels(_) | Target::NextTokens => 0.0,
                };
                let cells = vec![
                    Cell::Number(leak),
                    Cell::Number(noise as f64),
                    Cell::Text(format!("K{index}")),
                ];
                Example {
                    id: index.to_string(),
                    input: RawExample::Row(Row::new(Arc::clone(&columns), cells).unwrap()),
                    target: target(index),
                }
            })
            .collect()
    }

    #[test]
    fn what_is_made_from_the_target_is_found_and_noise_is_not() {
        let classes = examples(|index| Target::Class(usize::from((index * 31) % 10 < 3)));
        let numbers = examples(|index| Target::Number(((index * 31) % 97) as f64));
        for set in [&classes, &numbers] {
            assert!(suspicious(set, "leak", true).is_some());
            assert!(suspicious(set, "noise", true).is_none());
            assert!(suspicious(set, "key", false).is_none());
            assert!(suspicious(&set[..50], "leak", true).is_none());
        }
    }
}
