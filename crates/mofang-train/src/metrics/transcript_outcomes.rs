//! What was understood of recordings, beside what was said.

use std::sync::Arc;

use mofang_audio::error_rate::{ErrorCounts, character_errors, word_errors};

use super::OutcomesError;

/// What was understood of recordings, beside what was said.
#[derive(Debug, Clone, PartialEq)]
pub struct TranscriptOutcomes {
    recordings: Arc<[Recording]>,
    /// How often each counts: once, but for a resample.
    counts: Vec<u32>,
}

/// One recording, compared once.
#[derive(Debug, Clone, PartialEq)]
struct Recording {
    heard: Heard,
    word_errors: ErrorCounts,
    character_errors: ErrorCounts,
}

/// What was understood of one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// What was understood.
    pub text: String,
    /// What was said.
    pub truth: String,
    /// The probability that the model gives the text, 0 to 1.
    pub probability: f64,
}

impl TranscriptOutcomes {
    /// The outcomes of recordings.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(pairs: Vec<Heard>) -> Result<Self, OutcomesError> {
        if pairs.is_empty() {
            return Err(OutcomesError::Empty);
        }
        let compared = pairs.into_iter().map(|heard| Recording {
            word_errors: word_errors(&heard.truth, &heard.text),
            character_errors: character_errors(&heard.truth, &heard.text),
            heard,
        });
        let recordings: Arc<[Recording]> = compared.collect();
        Ok(Self {
            counts: vec![1; recordings.len()],
            recordings,
        })
    }

    /// How many things a resample draws from.
    pub(super) fn units(&self) -> usize {
        self.recordings.len()
    }

    /// The same outcomes with each recording as often as `counts` says.
    pub(super) fn resampled(&self, counts: Vec<u32>) -> Self {
        Self {
            recordings: Arc::clone(&self.recordings),
            counts,
        }
    }

    /// How many recordings, at least 1.
    pub fn len(&self) -> usize {
        self.counts.iter().map(|count| *count as usize).sum()
    }

    /// Never: outcomes have a recording.
    pub fn is_empty(&self) -> bool {
        self.recordings.is_empty()
    }

    /// One for each recording, in order.
    pub fn pairs(&self) -> impl Iterator<Item = &Heard> {
        self.recordings.iter().map(|recording| &recording.heard)
    }

    /// Each recording with how often it counts.
    fn counted(&self) -> impl Iterator<Item = (&Recording, u32)> {
        self.recordings.iter().zip(self.counts.iter().copied())
    }

    /// The errors among all words.
    pub fn word_errors(&self) -> ErrorCounts {
        let errors = self
            .counted()
            .map(|(recording, count)| times(recording.word_errors, count));
        errors.sum()
    }

    /// The errors among all characters.
    pub fn character_errors(&self) -> ErrorCounts {
        let errors = self.counted();
        errors
            .map(|(recording, count)| times(recording.character_errors, count))
            .sum()
    }

    /// How many recordings were understood wholly.
    pub fn exact(&self) -> usize {
        let exact = self
            .counted()
            .filter(|(recording, _)| recording.heard.truth == recording.heard.text);
        exact.map(|(_, count)| count as usize).sum()
    }
}

/// The errors of a recording that counts so often.
fn times(errors: ErrorCounts, count: u32) -> ErrorCounts {
    let count = u64::from(count);
    ErrorCounts {
        substitutions: errors.substitutions * count,
        deletions: errors.deletions * count,
        insertions: errors.insertions * count,
        reference_length: errors.reference_length * count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Outcomes, compute_all};

    #[test]
    fn long_recordings_count_more_than_short_ones() {
        let heard = |truth: &str, text: &str| Heard {
            text: text.to_owned(),
            truth: truth.to_owned(),
            probability: 0.5,
        };
        let outcomes = TranscriptOutcomes::new(vec![
            heard("3 1 4 1 5", "3 1 1 5"),
            heard("9", "9"),
            heard("2 6", "2 5 6"),
        ])
        .unwrap();
        // jiwer 4.0: wer 2/8, cer (2 + 0 + 2)/(9 + 1 + 3)
        let repeated = outcomes.resampled(vec![2, 0, 1]);
        assert_eq!((repeated.len(), repeated.exact()), (3, 0));
        assert_eq!(repeated.word_errors().errors(), 3);
        let values = compute_all(&Outcomes::Transcripts(outcomes));
        let expected = [
            ("character_error_rate", 4.0 / 13.0),
            ("exact_match", 1.0 / 3.0),
            ("word_error_rate", 2.0 / 8.0),
        ];
        for (name, value) in expected {
            assert!((values[name] - value).abs() < 1e-12, "{name}: {values:?}");
        }
        assert!(TranscriptOutcomes::new(Vec::new()).is_err());
    }
}
