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
    /// None in a resample.
    bytes: Option<usize>,
    /// The parts that a resample draws from.
    windows: Vec<Window>,
}

/// Tokens that were judged one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Window {
    loss: f64,
    tokens: usize,
    correct: usize,
}

impl TokenOutcomes {
    /// Nothing yet, of texts that have so many bytes in UTF-8.
    pub fn new(bytes: usize) -> Self {
        Self {
            loss: 0.0,
            tokens: 0,
            correct: Some(0),
            bytes: Some(bytes.max(1)),
            windows: Vec::new(),
        }
    }

    /// Takes in logits `[tokens, vocabulary]`, row-major, and the tokens that came, in windows of so many tokens, the
    /// last of which may be shorter.
    ///
    /// # Errors
    /// When there are not as many logits as tokens times vocabulary, a token is not in the vocabulary, or a logit
    /// is not finite.
    pub fn add(
        &mut self,
        logits: &[f32],
        next: &[usize],
        vocabulary: usize,
        window: usize,
    ) -> Result<(), OutcomesError> {
        let place = |row: usize| self.tokens + row;
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
        let window = window.max(1);
        let logits = logits.chunks(window.saturating_mul(vocabulary).max(1));
        for (logits, next) in logits.zip(next.chunks(window)) {
            self.add_window(logits, next, vocabulary)?;
        }
        Ok(())
    }

    fn add_window(
        &mut self,
        logits: &[f32],
        next: &[usize],
        vocabulary: usize,
    ) -> Result<(), OutcomesError> {
        let kernel = CrossEntropy {
            rows: next.len(),
            classes: vocabulary,
            smoothing: 0.0,
            ignored: None,
        };
        let classes: Vec<i64> = next
            .iter()
            .filter_map(|token| i64::try_from(*token).ok())
            .collect();
        let loss = kernel
            .forward(logits, &classes)
            .map_err(|_| OutcomesError::NotFinite {
                example: self.tokens,
            })?;
        let rows = logits.chunks_exact(vocabulary.max(1));
        let correct = rows.zip(next);
        let correct = correct.filter(|(row, token)| first_largest(row) == **token);
        let window = Window {
            loss: loss.sum,
            tokens: next.len(),
            correct: correct.count(),
        };
        self.loss += window.loss;
        self.tokens += window.tokens;
        self.correct = self.correct.map(|before| before + window.correct);
        self.windows.push(window);
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

    /// Bytes of the texts in UTF-8, at least 1; none in a resample, whose texts are not known.
    pub fn bytes(&self) -> Option<usize> {
        self.bytes
    }

    /// How many windows a resample draws from; none where tokens were taken in one by one.
    pub(crate) fn windows(&self) -> usize {
        self.correct.map_or(0, |_| self.windows.len())
    }

    /// Each window as often as `counts` says.
    pub(crate) fn resampled(&self, counts: &[u32]) -> Self {
        let mut sum = Window::default();
        for (window, count) in self.windows.iter().zip(counts) {
            sum.loss += f64::from(*count) * window.loss;
            sum.tokens += *count as usize * window.tokens;
            sum.correct += *count as usize * window.correct;
        }
        Self {
            loss: sum.loss,
            tokens: sum.tokens,
            correct: self.correct.map(|_| sum.correct),
            bytes: None,
            windows: Vec::new(),
        }
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
        let logits = [ln(0.5), ln(0.5), ln(0.25), ln(0.75)];
        outcomes.add(&logits, &[0, 0], 2, 1).unwrap();
        assert_eq!(outcomes.windows(), 2);
        // The first once, the second not at all.
        let first = compute_all(&Outcomes::Tokens(outcomes.resampled(&[1, 0])));
        assert!((first["perplexity"] - 2.0).abs() < 1e-6 && first["token_accuracy"] > 0.99);
        assert!(!first.contains_key("bits_per_byte"), "{first:?}");
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
        outcomes.add(&[0.0, 1.0], &[1], 2, 1).unwrap();
        for (logits, next, part) in [
            (vec![0.0], vec![1], "1 logits are not 1 examples"),
            (vec![0.0, 1.0], vec![2], "example 1 has the label 2"),
            (vec![0.0, f32::NAN], vec![1], "example 1 is not finite"),
        ] {
            let error = outcomes.add(&logits, &next, 2, 1).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(outcomes.len(), 1);
        assert_eq!(TokenOutcomes::new(1).checked(), Err(OutcomesError::Empty));
    }
}
