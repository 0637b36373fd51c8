//! `ctc`: what was said, out of the probabilities of symbols at each step.

use mofang_audio::ctc::{BeamSettings, LogProbabilities, Symbol, greedy, prefix_beam_search};
use mofang_types::{Prediction, SpokenWord, Transcript};
use serde::{Deserialize, Serialize};

use crate::DataError;

/// Most texts that are followed at once.
const BEAM_WIDTH_MAX: usize = 1024;

/// Symbols out of their probabilities at each step: Graves et al. 2006, <https://doi.org/10.1145/1143844.1143891>.
/// The outputs of a step are those of the labels, and behind them that of the blank, which stands for no symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ctc {
    /// How many texts are followed at once; with 1 the most probable symbol of each step is taken.
    pub beam_width: usize,
    /// What stands between two symbols: nothing between characters, a space between words.
    pub separator: String,
}

impl Default for Ctc {
    fn default() -> Self {
        Self {
            beam_width: 8,
            separator: String::new(),
        }
    }
}

impl Ctc {
    pub(super) fn check(&self) -> Result<(), DataError> {
        if (1..=BEAM_WIDTH_MAX).contains(&self.beam_width) {
            return Ok(());
        }
        Err(DataError::InvalidPipeline(format!(
            "`ctc`: beam_width = {} is not from 1 to {BEAM_WIDTH_MAX}",
            self.beam_width
        )))
    }

    fn beam(&self) -> BeamSettings {
        BeamSettings {
            width: self.beam_width,
            ..BeamSettings::default()
        }
    }

    /// The text of labels.
    pub(crate) fn text(&self, symbols: &[usize], labels: &[String]) -> String {
        let names = symbols.iter().filter_map(|symbol| labels.get(*symbol));
        let names: Vec<&str> = names.map(String::as_str).collect();
        names.join(&self.separator)
    }

    /// What outputs `[steps, labels + 1]` say, of a recording that is so long.
    pub(super) fn prediction(
        &self,
        outputs: &[f32],
        labels: &[String],
        seconds: Option<f64>,
    ) -> Result<Prediction, DataError> {
        let classes = labels.len() + 1;
        if outputs.is_empty() || !outputs.len().is_multiple_of(classes) {
            return Err(DataError::WrongShape {
                actual: vec![outputs.len()],
                expected: format!("{classes} outputs for each step"),
            });
        }
        if let Some(index) = outputs.iter().position(|output| !output.is_finite()) {
            return Err(DataError::NotFinite { index });
        }
        let logarithms: Vec<f32> = outputs
            .chunks_exact(classes)
            .flat_map(log_softmax)
            .collect();
        let probabilities = LogProbabilities::new(classes, labels.len(), &logarithms)?;
        let heard = if self.beam_width == 1 {
            greedy(&probabilities)
        } else {
            prefix_beam_search(&probabilities, &self.beam())?
        };
        let step_seconds = seconds.unwrap_or(0.0) / probabilities.frames() as f64;
        let symbols: Vec<usize> = heard.symbols.iter().map(|symbol| symbol.class).collect();
        Ok(Prediction::Transcript(Transcript {
            text: self.text(&symbols, labels),
            words: self.words(&heard.symbols, labels, step_seconds),
            probability: heard.log_probability.exp() as f32,
        }))
    }

    /// The words with their times: what stands between spaces, or between separators.
    fn words(&self, symbols: &[Symbol], labels: &[String], step_seconds: f64) -> Vec<SpokenWord> {
        let name = |symbol: &Symbol| labels.get(symbol.class).map_or("", String::as_str);
        let is_space = |symbol: &Symbol| name(symbol).trim().is_empty();
        let parts: Vec<&[Symbol]> = if self.separator.trim().len() < self.separator.len() {
            symbols.chunks(1).collect()
        } else {
            symbols.split(is_space).collect()
        };
        let seconds = |step: usize| (step as f64 * step_seconds) as f32;
        let spoken = |part: &[Symbol]| {
            let (first, last) = (part.first()?, part.last()?);
            let names: Vec<&str> = part.iter().map(name).collect();
            Some(SpokenWord {
                text: names.join(self.separator.trim()),
                start_seconds: seconds(first.start_frame),
                end_seconds: seconds(last.end_frame),
            })
        };
        parts.into_iter().filter_map(spoken).collect()
    }
}

/// Logarithms of the softmax of one row.
fn log_softmax(row: &[f32]) -> impl Iterator<Item = f32> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = row.iter().map(|value| (value - largest).exp()).sum();
    let logarithm = largest + sum.ln();
    row.iter().map(move |value| value - logarithm)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outputs that are sure of these symbols, the blank last.
    fn sure(symbols: &[usize], classes: usize) -> Vec<f32> {
        let row = |symbol: usize| {
            (0..classes).map(move |class| f32::from(u8::from(class == symbol)) * 9.0)
        };
        symbols.iter().copied().flat_map(row).collect()
    }

    fn transcript(ctc: &Ctc, outputs: &[f32], labels: &[&str]) -> Transcript {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let Prediction::Transcript(transcript) =
            ctc.prediction(outputs, &labels, Some(2.0)).unwrap()
        else {
            panic!("no transcript");
        };
        transcript
    }

    #[test]
    fn words_of_labels_have_their_times() {
        // Blank, 7, 7, blank, 7, 3, blank, blank: "7 7 3" in two seconds.
        let outputs = sure(&[2, 0, 0, 2, 0, 1, 2, 2], 3);
        for beam_width in [1, 4] {
            let ctc = Ctc {
                beam_width,
                separator: " ".to_owned(),
            };
            let transcript = transcript(&ctc, &outputs, &["7", "3"]);
            assert_eq!(transcript.text, "7 7 3");
            let words: Vec<(&str, f32, f32)> = transcript
                .words
                .iter()
                .map(|word| (word.text.as_str(), word.start_seconds, word.end_seconds))
                .collect();
            assert_eq!(
                words,
                [("7", 0.25, 0.75), ("7", 1.0, 1.25), ("3", 1.25, 1.5)]
            );
            assert!(transcript.probability > 0.9);
        }
    }

    #[test]
    fn characters_make_words_between_spaces() {
        let outputs = sure(&[0, 1, 2, 3, 1, 0], 4);
        let transcript = transcript(&Ctc::default(), &outputs, &["a", "b", " "]);
        assert_eq!(transcript.text, "ab ba");
        let words: Vec<&str> = transcript
            .words
            .iter()
            .map(|word| word.text.as_str())
            .collect();
        assert_eq!(words, ["ab", "ba"]);
    }

    #[test]
    fn what_is_no_whole_number_of_steps_is_refused() {
        let labels = ["a".to_owned()];
        assert!(Ctc::default().prediction(&[0.0; 3], &labels, None).is_err());
        assert!(Ctc::default().prediction(&[], &labels, None).is_err());
        assert!(
            Ctc::default()
                .prediction(&[0.0, f32::NAN], &labels, None)
                .is_err()
        );
        let wide = Ctc {
            beam_width: 0,
            ..Ctc::default()
        };
        assert!(
            wide.check()
                .unwrap_err()
                .to_string()
                .contains("beam_width = 0")
        );
    }
}
