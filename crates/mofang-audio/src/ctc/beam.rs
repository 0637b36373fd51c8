//! Prefix beam search (Hannun, Maas, Jurafsky and Ng, "First-Pass Large Vocabulary Continuous Speech
//! Recognition using Bi-Directional Recurrent DNNs", 2014), without a language model.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{LogProbabilities, Transcript, align};
use crate::AudioError;

/// How widely is searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BeamSettings {
    /// Texts that are kept after each frame.
    pub width: usize,
    /// Classes of a frame that texts are continued with, the likeliest first.
    pub classes_max: usize,
}

impl Default for BeamSettings {
    /// Sixteen texts, forty classes.
    fn default() -> Self {
        Self {
            width: 16,
            classes_max: 40,
        }
    }
}

impl BeamSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), AudioError> {
        const WIDTH_MAX: usize = 1024;
        if !(1..=WIDTH_MAX).contains(&self.width) {
            return Err(AudioError::InvalidSetting(format!(
                "width = {} has to be between 1 and {WIDTH_MAX}",
                self.width
            )));
        }
        if self.classes_max == 0 {
            return Err(AudioError::InvalidSetting(
                "classes_max has to be at least 1".to_owned(),
            ));
        }
        Ok(())
    }
}

/// The likeliest text over all its alignments, as far as the beam sees; each symbol with its frames on
/// the best of them.
///
/// # Errors
/// Settings that are out of range, or a text that is too long to be aligned.
pub fn prefix_beam_search(
    probabilities: &LogProbabilities<'_>,
    settings: &BeamSettings,
) -> Result<Transcript, AudioError> {
    settings.check()?;
    let mut search = Search::new(probabilities.blank());
    let mut classes = Vec::new();
    for row in probabilities.rows() {
        likeliest(
            row,
            probabilities.blank(),
            settings.classes_max,
            &mut classes,
        );
        search.step(row, &classes, settings.width);
    }
    let Some(best) = search.beams.first() else {
        return Ok(Transcript {
            symbols: Vec::new(),
            log_probability: f64::NEG_INFINITY,
        });
    };
    Ok(Transcript {
        symbols: align(probabilities, &search.text(best.node))?,
        log_probability: best.total(),
    })
}

/// The likeliest classes but the blank, in order of their number.
fn likeliest(row: &[f32], blank: usize, count: usize, classes: &mut Vec<usize>) {
    classes.clear();
    classes.extend((0..row.len()).filter(|class| *class != blank));
    if classes.len() > count {
        classes.select_nth_unstable_by(count, |left, right| {
            row[*right].total_cmp(&row[*left]).then(left.cmp(right))
        });
        classes.truncate(count);
        classes.sort_unstable();
    }
}

/// A text, as the last class and the text before it.
struct Node {
    parent: usize,
    class: usize,
}

/// A text that is kept.
#[derive(Clone, Copy)]
struct Beam {
    node: usize,
    /// Of the paths that end in a blank.
    blank: f64,
    /// Of the paths that end in its last symbol.
    symbol: f64,
}

impl Beam {
    fn total(&self) -> f64 {
        log_add(self.blank, self.symbol)
    }
}

/// A text that may be kept after a frame.
struct Candidate {
    /// The text that it continues, or itself.
    node: usize,
    /// The class that is added, if one is.
    added: Option<usize>,
    blank: f64,
    symbol: f64,
}

struct Search {
    blank: usize,
    nodes: Vec<Node>,
    /// The node of a text and a class that follows it.
    children: HashMap<(usize, usize), usize>,
    /// The best first.
    beams: Vec<Beam>,
}

impl Search {
    fn new(blank: usize) -> Self {
        Self {
            blank,
            nodes: vec![Node {
                parent: 0,
                class: blank,
            }],
            children: HashMap::new(),
            beams: vec![Beam {
                node: 0,
                blank: 0.0,
                symbol: f64::NEG_INFINITY,
            }],
        }
    }

    /// One frame.
    fn step(&mut self, row: &[f32], classes: &[usize], width: usize) {
        let value = |class: usize| f64::from(row[class]);
        let places: HashMap<usize, usize> = self
            .beams
            .iter()
            .enumerate()
            .map(|(place, beam)| (beam.node, place))
            .collect();
        // Every text as it is: a blank follows, or its last symbol goes on.
        let mut candidates: Vec<Candidate> = self
            .beams
            .iter()
            .map(|beam| Candidate {
                node: beam.node,
                added: None,
                blank: beam.total() + value(self.blank),
                symbol: beam.symbol + value(self.nodes[beam.node].class),
            })
            .collect();
        for beam in &self.beams {
            let last = self.nodes[beam.node].class;
            for &class in classes {
                // A repetition is a new symbol only after a blank.
                let before = if class == last {
                    beam.blank
                } else {
                    beam.total()
                };
                let symbol = before + value(class);
                if symbol == f64::NEG_INFINITY {
                    continue;
                }
                let kept = self
                    .children
                    .get(&(beam.node, class))
                    .and_then(|child| places.get(child))
                    .and_then(|place| candidates.get_mut(*place));
                match kept {
                    Some(kept) => kept.symbol = log_add(kept.symbol, symbol),
                    None => candidates.push(Candidate {
                        node: beam.node,
                        added: Some(class),
                        blank: f64::NEG_INFINITY,
                        symbol,
                    }),
                }
            }
        }
        self.keep(&candidates, width);
    }

    /// Keeps the likeliest candidates; of equals the earlier ones.
    fn keep(&mut self, candidates: &[Candidate], width: usize) {
        let mut order: Vec<(f64, usize)> = candidates
            .iter()
            .map(|candidate| log_add(candidate.blank, candidate.symbol))
            .enumerate()
            .filter(|(_, total)| *total > f64::NEG_INFINITY)
            .map(|(index, total)| (total, index))
            .collect();
        let better = |left: &(f64, usize), right: &(f64, usize)| {
            right.0.total_cmp(&left.0).then(left.1.cmp(&right.1))
        };
        if order.len() > width {
            order.select_nth_unstable_by(width, better);
            order.truncate(width);
        }
        order.sort_unstable_by(better);
        self.beams.clear();
        for (_, index) in order {
            let candidate = &candidates[index];
            let node = match candidate.added {
                None => candidate.node,
                Some(class) => self.child(candidate.node, class),
            };
            self.beams.push(Beam {
                node,
                blank: candidate.blank,
                symbol: candidate.symbol,
            });
        }
    }

    fn child(&mut self, parent: usize, class: usize) -> usize {
        *self.children.entry((parent, class)).or_insert_with(|| {
            self.nodes.push(Node { parent, class });
            self.nodes.len() - 1
        })
    }

    /// The classes of a text.
    fn text(&self, node: usize) -> Vec<usize> {
        let mut text = Vec::new();
        let mut at = node;
        while at != 0 {
            text.push(self.nodes[at].class);
            at = self.nodes[at].parent;
        }
        text.reverse();
        text
    }
}

/// `ln(eˣ + eʸ)`.
fn log_add(left: f64, right: f64) -> f64 {
    let (high, low) = if left > right {
        (left, right)
    } else {
        (right, left)
    };
    if low == f64::NEG_INFINITY {
        high
    } else {
        high + (low - high).exp().ln_1p()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::super::greedy;
    use super::*;

    fn classes(transcript: &Transcript) -> Vec<usize> {
        transcript
            .symbols
            .iter()
            .map(|symbol| symbol.class)
            .collect()
    }

    #[test]
    fn all_alignments_together_outweigh_the_best_path() {
        // The best path is two blanks, with 0.36; "a" has 0.4 · 0.4 + 2 · 0.4 · 0.6 = 0.64.
        let values: Vec<f32> = [0.6_f32, 0.4, 0.6, 0.4].iter().map(|p| p.ln()).collect();
        let probabilities = LogProbabilities::new(2, 0, &values).unwrap();
        assert!(classes(&greedy(&probabilities)).is_empty());
        let best = prefix_beam_search(&probabilities, &BeamSettings::default()).unwrap();
        assert_eq!(classes(&best), [1]);
        assert!((best.log_probability.exp() - 0.64).abs() < 1e-6);
    }

    /// The likeliest text and its probability, by trying every path.
    fn exhaustive(count: usize, probabilities: &[f32]) -> (Vec<usize>, f64) {
        let frames = probabilities.len() / count;
        let mut texts: BTreeMap<Vec<usize>, f64> = BTreeMap::new();
        for mut path in 0..count.pow(u32::try_from(frames).unwrap()) {
            let (mut text, mut probability, mut previous) = (Vec::new(), 1.0, 0);
            for frame in 0..frames {
                let class = path % count;
                path /= count;
                probability *= f64::from(probabilities[frame * count + class]);
                if class != 0 && class != previous {
                    text.push(class);
                }
                previous = class;
            }
            *texts.entry(text).or_default() += probability;
        }
        texts
            .into_iter()
            .max_by(|left, right| left.1.total_cmp(&right.1))
            .unwrap()
    }

    #[test]
    fn a_wide_beam_finds_what_trying_every_path_finds() {
        let mut randomness = ChaCha8Rng::seed_from_u64(5);
        for _ in 0..50 {
            let values: Vec<f32> = (0..6)
                .flat_map(|_| {
                    let row: [f32; 3] =
                        std::array::from_fn(|_| randomness.random::<f32>().powi(3) + 1e-3);
                    let sum: f32 = row.iter().sum();
                    row.map(|value| value / sum)
                })
                .collect();
            let (text, probability) = exhaustive(3, &values);
            let logarithms: Vec<f32> = values.iter().map(|value| value.ln()).collect();
            let probabilities = LogProbabilities::new(3, 0, &logarithms).unwrap();
            let settings = BeamSettings {
                width: 1024,
                classes_max: 2,
            };
            let best = prefix_beam_search(&probabilities, &settings).unwrap();
            assert_eq!(classes(&best), text);
            assert!((best.log_probability.exp() - probability).abs() < 1e-5);
            let narrow = BeamSettings {
                width: 1,
                classes_max: 1,
            };
            assert!(prefix_beam_search(&probabilities, &narrow).is_ok());
        }
    }

    #[test]
    fn symbols_have_the_frames_of_their_peaks() {
        let frames = [0, 1, 1, 0, 1, 2, 2, 0];
        let values: Vec<f32> = frames
            .iter()
            .flat_map(|best| (0..3).map(move |class| if class == *best { 0.98_f32 } else { 0.01 }))
            .map(f32::ln)
            .collect();
        let probabilities = LogProbabilities::new(3, 0, &values).unwrap();
        let best = prefix_beam_search(&probabilities, &BeamSettings::default()).unwrap();
        assert_eq!(best.symbols, greedy(&probabilities).symbols);
    }

    #[test]
    fn frames_without_any_probability_are_no_panic() {
        let values = [f32::NEG_INFINITY; 6];
        let probabilities = LogProbabilities::new(3, 0, &values).unwrap();
        let best = prefix_beam_search(&probabilities, &BeamSettings::default()).unwrap();
        assert!(classes(&best).is_empty());
        let zero = BeamSettings {
            width: 0,
            classes_max: 1,
        };
        assert!(prefix_beam_search(&probabilities, &zero).is_err());
    }
}
