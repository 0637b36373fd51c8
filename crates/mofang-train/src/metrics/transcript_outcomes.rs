//! What was understood of recordings, beside what was said.

use mofang_audio::error_rate::{ErrorCounts, character_errors, word_errors};

use super::OutcomesError;

/// What was understood of recordings, beside what was said.
#[derive(Debug, Clone, PartialEq)]
pub struct TranscriptOutcomes {
    pairs: Vec<Heard>,
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
        Ok(Self { pairs })
    }

    /// How many recordings, at least 1.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Never: outcomes have a recording.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// One for each recording, in order.
    pub fn pairs(&self) -> &[Heard] {
        &self.pairs
    }

    /// The errors among all words.
    pub fn word_errors(&self) -> ErrorCounts {
        let pairs = self.pairs.iter();
        pairs
            .map(|heard| word_errors(&heard.truth, &heard.text))
            .sum()
    }

    /// The errors among all characters.
    pub fn character_errors(&self) -> ErrorCounts {
        let pairs = self.pairs.iter();
        pairs
            .map(|heard| character_errors(&heard.truth, &heard.text))
            .sum()
    }

    /// How many recordings were understood wholly.
    pub fn exact(&self) -> usize {
        let pairs = self.pairs.iter();
        pairs.filter(|heard| heard.truth == heard.text).count()
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
