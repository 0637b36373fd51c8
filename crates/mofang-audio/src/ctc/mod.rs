//! Reading symbols out of what a network trained with connectionist temporal classification (Graves et
//! al. 2006) gives: for every frame the log-probabilities of the symbols and of a blank.
//!
//! [`greedy`] takes the best class of each frame, [`prefix_beam_search`] the likeliest text over all its
//! alignments; both say in which frames each symbol stands. [`align`] finds the frames of a text that is
//! known.

mod align;
mod beam;
mod greedy;

pub use align::align;
pub use beam::{BeamSettings, prefix_beam_search};
pub use greedy::greedy;

use crate::AudioError;

/// Log-probabilities `[frames, classes]`, row-major.
#[derive(Debug, Clone, Copy)]
pub struct LogProbabilities<'a> {
    classes: usize,
    blank: usize,
    values: &'a [f32],
}

impl<'a> LogProbabilities<'a> {
    /// Values `[frames, classes]` of which `blank` is the class that stands for no symbol.
    ///
    /// # Errors
    /// Rows that are not whole, a blank beyond the classes, or a value that is NaN or above 0.
    pub fn new(classes: usize, blank: usize, values: &'a [f32]) -> Result<Self, AudioError> {
        // What rounding may leave of a probability of 1.
        const ROUNDING: f32 = 1e-3;
        if blank >= classes {
            return Err(AudioError::InvalidSetting(format!(
                "blank = {blank} is none of the {classes} classes"
            )));
        }
        if !values.len().is_multiple_of(classes) {
            return Err(AudioError::WrongLength {
                what: "log-probabilities",
                actual: values.len(),
                expected: values.len().next_multiple_of(classes),
            });
        }
        let is_one = |value: &f32| *value <= ROUNDING;
        if let Some(index) = values.iter().position(|value| !is_one(value)) {
            return Err(AudioError::NotLogProbability { index });
        }
        Ok(Self {
            classes,
            blank,
            values,
        })
    }

    /// Rows.
    pub fn frames(&self) -> usize {
        self.values.len() / self.classes
    }

    /// Columns, the blank included.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The class that stands for no symbol.
    pub fn blank(&self) -> usize {
        self.blank
    }

    /// One row for each frame.
    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.classes)
    }
}

/// A symbol and where it was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    /// The class.
    pub class: usize,
    /// The first frame.
    pub start_frame: usize,
    /// The frame after the last.
    pub end_frame: usize,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// The symbols in order.
    pub symbols: Vec<Symbol>,
    /// The natural logarithm of the probability: of the one best path ([`greedy`]), or of the text over
    /// all paths that were kept ([`prefix_beam_search`]).
    pub log_probability: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_log_probability_is_refused() {
        assert!(LogProbabilities::new(2, 2, &[]).is_err());
        assert!(LogProbabilities::new(0, 0, &[]).is_err());
        assert!(LogProbabilities::new(2, 0, &[-1.0]).is_err());
        for bad in [f32::NAN, 1.0, f32::INFINITY] {
            assert_eq!(
                LogProbabilities::new(2, 0, &[-1.0, bad]).unwrap_err(),
                AudioError::NotLogProbability { index: 1 }
            );
        }
        assert!(LogProbabilities::new(2, 0, &[0.0, f32::NEG_INFINITY]).is_ok());
    }
}
