//! The examples that a model is surest about and wrong.

use mofang_data::{RawExample, Split};
use serde::{Deserialize, Serialize};

use crate::metrics::{ClassOutcomes, TranscriptOutcomes};

/// Most characters of a text that an excerpt shows.
const EXCERPT_CHARACTERS: usize = 120;

/// An example that was taken for something else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// Where it stands in the split.
    pub index: usize,
    /// Where it stands in its source.
    pub id: String,
    /// The beginning of its text, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// What it is.
    pub label: String,
    /// What it was taken for.
    pub predicted: String,
    /// How sure the model was, 0 to 1.
    pub probability: f64,
}

/// The surest of the recordings that were not understood wholly.
pub(crate) fn misheard(split: &Split, outcomes: &TranscriptOutcomes, count: usize) -> Vec<Mistake> {
    let pairs = outcomes.pairs().zip(split.examples()).enumerate();
    let mut mistakes: Vec<Mistake> = pairs
        .filter(|(_, (heard, _))| heard.text != heard.truth)
        .map(|(index, (heard, example))| Mistake {
            index,
            id: example.id.clone(),
            excerpt: None,
            label: heard.truth.clone(),
            predicted: heard.text.clone(),
            probability: heard.probability,
        })
        .collect();
    mistakes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    mistakes.truncate(count);
    mistakes
}

/// The surest of the examples that were taken for another class.
pub(crate) fn most_confused(
    split: &Split,
    outcomes: &ClassOutcomes,
    labels: &[String],
    count: usize,
) -> Vec<Mistake> {
    let name = |class: usize| labels.get(class).cloned().unwrap_or_default();
    let truth = outcomes.labels().iter().zip(outcomes.predicted());
    let mut mistakes: Vec<Mistake> = truth
        .zip(outcomes.rows())
        .zip(split.examples())
        .enumerate()
        .filter(|(_, (((label, predicted), _), _))| label != predicted)
        .map(|(index, (((label, predicted), row), example))| Mistake {
            index,
            id: example.id.clone(),
            excerpt: excerpt(&example.input),
            label: name(*label),
            predicted: name(*predicted),
            probability: row.get(*predicted).copied().unwrap_or(0.0),
        })
        .collect();
    // Stable, so that equally sure ones keep the order of the split.
    mistakes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    mistakes.truncate(count);
    mistakes
}

/// The beginning of a text, on one line.
fn excerpt(input: &RawExample) -> Option<String> {
    let RawExample::Text(text) = input else {
        return None;
    };
    // No more is looked at than can be shown.
    let beginning: String = text.chars().take(4 * EXCERPT_CHARACTERS).collect();
    let line = beginning.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = line.chars().take(EXCERPT_CHARACTERS).collect();
    let is_whole = shown.len() == line.len() && beginning.len() == text.len();
    Some(if is_whole {
        shown
    } else {
        format!("{shown}…")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_the_beginning_of_a_text_on_one_line() {
        let of = |text: &str| excerpt(&RawExample::Text(text.to_owned())).unwrap();
        assert_eq!(of("win\n a  prize"), "win a prize");
        let long = of(&"土耳其".repeat(100));
        assert_eq!(long.chars().count(), EXCERPT_CHARACTERS + 1);
        assert!(long.ends_with('…'));
        assert_eq!(excerpt(&RawExample::Encoded(vec![1])), None);
    }
}
