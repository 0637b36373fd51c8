//! Word and character error rates: Levenshtein's distance over the length of the reference.
//!
//! Texts are compared as they are; whoever wants case or punctuation ignored removes it before.

use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// What has to be done to a reference to make a hypothesis of it. Counts of many texts are added, so
/// that a long text counts more than a short one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ErrorCounts {
    /// Units that became others.
    pub substitutions: u64,
    /// Units that are missing.
    pub deletions: u64,
    /// Units that were added.
    pub insertions: u64,
    /// Units of the reference.
    pub reference_length: u64,
}

impl ErrorCounts {
    /// The number of errors.
    pub fn errors(&self) -> u64 {
        self.substitutions + self.deletions + self.insertions
    }

    /// Errors over the length of the reference; may exceed 1. Of an empty reference every insertion
    /// counts as one unit.
    pub fn rate(&self) -> f64 {
        self.errors() as f64 / self.reference_length.max(1) as f64
    }
}

impl Add for ErrorCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            substitutions: self.substitutions + other.substitutions,
            deletions: self.deletions + other.deletions,
            insertions: self.insertions + other.insertions,
            reference_length: self.reference_length + other.reference_length,
        }
    }
}

impl Sum for ErrorCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// The errors among words, which white space parts.
pub fn word_errors(reference: &str, hypothesis: &str) -> ErrorCounts {
    let reference: Vec<&str> = reference.split_whitespace().collect();
    let hypothesis: Vec<&str> = hypothesis.split_whitespace().collect();
    count_errors(&reference, &hypothesis)
}

/// The errors among characters (Unicode scalar values), white space at the ends left out.
pub fn character_errors(reference: &str, hypothesis: &str) -> ErrorCounts {
    let characters = |text: &str| -> Vec<char> { text.trim().chars().collect() };
    count_errors(&characters(reference), &characters(hypothesis))
}

/// The errors among any units.
pub fn count_errors<T: PartialEq>(reference: &[T], hypothesis: &[T]) -> ErrorCounts {
    let insertions_only = |insertions: usize| ErrorCounts {
        insertions: insertions as u64,
        ..ErrorCounts::default()
    };
    // The counts of the reference so far against every beginning of the hypothesis.
    let mut row: Vec<ErrorCounts> = (0..=hypothesis.len()).map(insertions_only).collect();
    for (index, unit) in reference.iter().enumerate() {
        let mut diagonal = row[0];
        row[0].deletions = index as u64 + 1;
        for (at, other) in hypothesis.iter().enumerate() {
            let (above, left) = (row[at + 1], row[at]);
            row[at + 1] = if unit == other {
                diagonal
            } else {
                cheapest(diagonal, above, left)
            };
            diagonal = above;
        }
    }
    let mut counts = row[hypothesis.len()];
    counts.reference_length = reference.len() as u64;
    counts
}

/// A substitution if it costs no more than a deletion or an insertion.
fn cheapest(diagonal: ErrorCounts, above: ErrorCounts, left: ErrorCounts) -> ErrorCounts {
    let mut result = diagonal;
    if diagonal.errors() <= above.errors().min(left.errors()) {
        result.substitutions += 1;
    } else if above.errors() <= left.errors() {
        result = above;
        result.deletions += 1;
    } else {
        result = left;
        result.insertions += 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(substitutions: u64, deletions: u64, insertions: u64, length: u64) -> ErrorCounts {
        ErrorCounts {
            substitutions,
            deletions,
            insertions,
            reference_length: length,
        }
    }

    /// Figures of jiwer 4.0.0.
    #[test]
    fn rates_are_those_of_jiwer() {
        let texts = [
            ("the cat sat on the mat", "the cat sat on the mat", 0.0, 0.0),
            (
                "the cat sat on the mat",
                "the cat sat mat",
                2.0 / 6.0,
                7.0 / 22.0,
            ),
            (
                "the cat sat on the mat",
                "a cat sat on on the hat",
                0.5,
                7.0 / 22.0,
            ),
            ("one two three four", "five", 1.0, 17.0 / 18.0),
            (
                "seven three nine",
                "seven eight three nine zero",
                2.0 / 3.0,
                0.6875,
            ),
            ("床前明月光", "床前月光光", 1.0, 0.4),
            ("kitten", "sitting", 1.0, 0.5),
            ("hello world", "helo wrld ", 1.0, 2.0 / 11.0),
        ];
        for (reference, hypothesis, words, characters) in texts {
            let word_rate = word_errors(reference, hypothesis).rate();
            let character_rate = character_errors(reference, hypothesis).rate();
            assert!(
                (word_rate - words).abs() < 1e-12,
                "{reference}: {word_rate}"
            );
            assert!(
                (character_rate - characters).abs() < 1e-12,
                "{reference}: {character_rate}"
            );
        }
        let all: ErrorCounts = texts
            .iter()
            .map(|(reference, hypothesis, ..)| word_errors(reference, hypothesis))
            .sum();
        assert!((all.rate() - 0.517_241_379_310_344_9).abs() < 1e-12);
    }

    #[test]
    fn errors_are_told_apart() {
        assert_eq!(
            word_errors("the cat sat on the mat", "the cat sat mat"),
            counts(0, 2, 0, 6)
        );
        assert_eq!(
            word_errors("seven three nine", "seven eight three nine zero"),
            counts(0, 0, 2, 3)
        );
        assert_eq!(word_errors("one two", "one too"), counts(1, 0, 0, 2));
        assert_eq!(character_errors("kitten", "sitting"), counts(2, 0, 1, 6));
    }

    #[test]
    fn empty_texts_have_a_finite_rate() {
        assert!(word_errors("", "").rate().abs() < 1e-12);
        assert_eq!(word_errors("", "two words"), counts(0, 0, 2, 0));
        assert!((word_errors("", "two words").rate() - 2.0).abs() < 1e-12);
        assert_eq!(word_errors("two words", ""), counts(0, 2, 0, 2));
    }
}
