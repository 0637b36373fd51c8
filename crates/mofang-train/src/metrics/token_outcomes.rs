//! How probable a language model held the tokens that came.

use mofang_kernels::cross_entropy::CrossEntropy;

use super::OutcomesError;
use super::outcomes::first_largest;

/// How probable a language model held the tokens that came, added up: there may be millions of them, of a
/// vocabulary of thousands.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenOutcomes {
    /// Of −ln p of each token.
    loss: f64,
    tokens: usize,
    /// Tokens that were held for the most probable; none where nobody looked.
    correct: Option<usize>,
    bytes: usize,
}

impl TokenOutcomes {
    /// Nothing yet, of texts that have so many bytes in UTF-8.
    pub fn new(bytes: usize) -> Self {
        Self {
            loss: 0.0,
            tokens: 0,
            correct: Some(0),
            bytes: bytes.max(1),
        }
    }

    /// Takes in logits `[tokens, vocabulary]`, row-major, and the tokens that came.
    ///
    /// # Errors
    /// When there are not as many logits as tokens times vocabulary, a token is not in the vocabulary, or a logit
    /// is not finite.
    pub fn add(
        &mut self,
        logits: &[f32],
        next: &[usize],
        vocabulary: usize,
    ) -> Result<(), OutcomesError> {
        let place = |row: usize| self.tokens + row;
        let kernel = CrossEntropy {
            rows: next.len(),
            classes: vocabulary,
            smoothing: 0.0,
            ignored: None,
        };
        if logits.len() != next.len().saturating_mul(vocabulary) {
            return Err(OutcomesError::WrongLength {
                logits: logits.len(),
                examples: next.len(),
                classes: vocabulary,
            });
        }
        if let Some(row) = next.iter().position(|token| *token >= vocabulary) {
            return Err(OutcomesError::WrongLabel {
                example: place(row),
                label: next.get(row).copied().unwrap_or_default(),
                classes: vocabulary,
            });
        }
        let mut rows = logits.chunks_exact(vocabulary.max(1));
        if let Some(row) = rows.position(|row| row.iter().any(|logit| !logit.is_finite())) {
            return Err(OutcomesError::NotFinite {
                example: place(row),
            });
        }
        let classes: Vec<i64> = next
            .iter()
            .filter_map(|token| i64::try_from(*token).ok())
            .collect();
        let loss = kernel
            .forward(logits, &classes)
            .map_err(|_| OutcomesError::NotFinite { example: place(0) })?;
        self.loss += loss.sum;
        let rows = logits.chunks_exact(vocabulary.max(1));
        let correct = rows.zip(next);
        let correct = correct.filter(|(row, token)| first_largest(row) == **token);
        self.correct = self.correct.map(|before| before + correct.count());
        self.tokens += next.len();
        Ok(())
    }

    /// Takes in a token that a model gave this probability, above 0; which was the most probable is not known.
    pub(crate) fn add_probability(&mut self, probability: f64) {
        self.loss -= probability.ln();
        self.correct = None;
        self.tokens += 1;
    }

    /// That something was judged.
    pub(crate) fn checked(self) -> Result<Self, OutcomesError> {
        if self.tokens == 0 {
            return Err(OutcomesError::Empty);
        }
        Ok(self)
    }

    /// How many tokens were judged.
    pub fn len(&self) -> usize {
        self.tokens
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// The sum of −ln p of each token.
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// The mean of −ln p of each token.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.tokens.max(1) as f64
    }

    /// How many tokens were held for the most probable, where that is known.
    pub fn correct(&self) -> Option<usize> {
        self.correct
    }

    /// Bytes of the texts in UTF-8, at least 1.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Outcomes, compute_all};

    #[test]
    fn values_are_those_of_the_definition() {
        // Two tokens of 4 bytes: p = 1/2 and p = 1/4, and the second was not the most probable.
        let mut outcomes = TokenOutcomes::new(4);
        let ln = |p: f32| p.ln();
        outcomes.add(&[ln(0.5), ln(0.5)], &[0], 2).unwrap();
        outcomes.add(&[ln(0.25), ln(0.75)], &[0], 2).unwrap();
        let values = compute_all(&Outcomes::Tokens(outcomes));
        let expected = [
            ("bits_per_byte", 3.0 / 4.0),
            ("cross_entropy", 1.5 * std::f64::consts::LN_2),
            ("perplexity", 8.0_f64.sqrt()),
            ("token_accuracy", 0.5),
        ];
        for (name, value) in expected {
            assert!((values[name] - value).abs() < 1e-6, "{name}: {values:?}");
        }
    }

    #[test]
    fn what_cannot_be_judged_is_refused_with_its_place() {
        let mut outcomes = TokenOutcomes::new(1);
        outcomes.add(&[0.0, 1.0], &[1], 2).unwrap();
        for (logits, next, part) in [
            (vec![0.0], vec![1], "1 logits are not 1 examples"),
            (vec![0.0, 1.0], vec![2], "example 1 has the label 2"),
            (vec![0.0, f32::NAN], vec![1], "example 1 is not finite"),
        ] {
            let error = outcomes.add(&logits, &next, 2).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(outcomes.len(), 1);
        assert_eq!(TokenOutcomes::new(1).checked(), Err(OutcomesError::Empty));
    }
}
