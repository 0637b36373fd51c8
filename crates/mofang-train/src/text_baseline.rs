//! A linear model of a text's n-grams of characters: the baseline that a network of texts has to beat.
//!
//! The features are hashed n-grams with sublinear frequencies, inverse document frequencies and the
//! length 1; the model is one linear support vector machine for each class, by the dual coordinate
//! descent of C.-J. Hsieh et al. 2008, <https://doi.org/10.1145/1390156.1390208>. What comes out is a
//! function of the examples.

use std::collections::{BTreeMap, HashSet};

use mofang_data::text::comparable;
use mofang_data::{Example, RawExample, Split};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use crate::metrics::{ClassOutcomes, Outcomes};

/// Most characters of an n-gram.
const NGRAM_CHARACTERS_MAX: usize = 4;

/// Weights of a class; a power of two.
const FEATURES: usize = 1 << 18;

/// Times that every example is looked at.
const ROUNDS: usize = 20;

/// What an error costs against the size of the weights, C of the paper.
const COST: f32 = 1.0;

/// Most products that training may take: some seconds. A larger dataset has no such baseline.
const PRODUCTS_MAX: usize = 4_000_000_000;

/// A text as its features, each once, with the constant 1 at the end.
type Features = Vec<(usize, f32)>;

/// The answers of the model for `judged`; none where an example is no text, or there is too much.
pub(crate) fn linear(train: &Split, judged: &Split, classes: usize) -> Option<Outcomes> {
    let learned = texts(train.examples())?;
    let asked = texts(judged.examples())?;
    let truth = classes_of(judged.examples())?;
    let labels = classes_of(train.examples())?;
    let characters: usize = learned.iter().map(|text| text.chars().count()).sum();
    let products = characters
        .checked_mul(NGRAM_CHARACTERS_MAX * ROUNDS)?
        .checked_mul(classes)?;
    if products > PRODUCTS_MAX {
        return None;
    }
    let frequencies = Frequencies::of(&learned);
    let learned: Vec<Features> = learned.iter().map(|t| frequencies.features(t)).collect();
    let asked: Vec<Features> = asked.iter().map(|t| frequencies.features(t)).collect();
    let mut logits = vec![0.0_f32; asked.len() * classes];
    for class in 0..classes {
        let weights = machine(&learned, &labels, class);
        for (row, features) in logits.chunks_exact_mut(classes).zip(&asked) {
            if let Some(logit) = row.get_mut(class) {
                *logit = product(&weights, features);
            }
        }
    }
    let outcomes = ClassOutcomes::from_logits(&logits, &truth, classes).ok()?;
    Some(Outcomes::Classes(outcomes))
}

fn texts(examples: &[Example]) -> Option<Vec<String>> {
    let text = |example: &Example| {
        let RawExample::Text(text) = &example.input else {
            return None;
        };
        Some(comparable(text))
    };
    examples.iter().map(text).collect()
}

fn classes_of(examples: &[Example]) -> Option<Vec<usize>> {
    examples.iter().map(|e| e.target.class()).collect()
}

/// The features of a text's n-grams of characters, with how often each is there.
fn counts(text: &str) -> BTreeMap<usize, f32> {
    let characters: Vec<char> = text.chars().collect();
    let mut counts = BTreeMap::new();
    for length in 1..=NGRAM_CHARACTERS_MAX {
        for ngram in characters.windows(length) {
            *counts.entry(feature(ngram)).or_insert(0.0) += 1.0;
        }
    }
    counts
}

/// Where an n-gram's weight stands, by FNV-1a: <https://datatracker.ietf.org/doc/html/rfc9923>.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower bits are as good as any"
)]
fn feature(ngram: &[char]) -> usize {
    let hash = ngram.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, c| {
        (hash ^ u64::from(u32::from(*c))).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) as usize % (FEATURES - 1)
}

/// In how many texts each feature is.
struct Frequencies {
    texts: usize,
    counts: Vec<u32>,
}

impl Frequencies {
    fn of(texts: &[String]) -> Self {
        let mut frequencies = Self {
            texts: texts.len(),
            counts: vec![0; FEATURES],
        };
        for text in texts {
            let seen: HashSet<usize> = counts(text).into_keys().collect();
            for feature in seen {
                if let Some(count) = frequencies.counts.get_mut(feature) {
                    *count += 1;
                }
            }
        }
        frequencies
    }

    #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
    fn features(&self, text: &str) -> Features {
        let weight = |(feature, count): (usize, f32)| {
            let texts = f64::from(self.counts.get(feature).copied().unwrap_or(0));
            let rarity = ((1.0 + self.texts as f64) / (1.0 + texts)).ln() + 1.0;
            (feature, (1.0 + count.ln()) * rarity as f32)
        };
        let mut features: Features = counts(text).into_iter().map(weight).collect();
        let squares: f32 = features.iter().map(|(_, value)| value * value).sum();
        let length = squares.sqrt().max(f32::MIN_POSITIVE);
        for (_, value) in &mut features {
            *value /= length;
        }
        features.push((FEATURES - 1, 1.0));
        features
    }
}

fn product(weights: &[f32], features: &Features) -> f32 {
    let terms = features
        .iter()
        .map(|(feature, value)| weights.get(*feature).copied().unwrap_or(0.0) * value);
    terms.sum()
}

/// The weights that tell a class from all others: algorithm 1 of the paper with squared hinge loss.
fn machine(examples: &[Features], labels: &[usize], class: usize) -> Vec<f32> {
    let diagonal = 0.5 / COST;
    let mut weights = vec![0.0_f32; FEATURES];
    let mut multipliers = vec![0.0_f32; examples.len()];
    let square = |features: &Features| features.iter().map(|(_, value)| value * value).sum::<f32>();
    let squares: Vec<f32> = examples.iter().map(square).collect();
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut randomness = ChaCha8Rng::seed_from_u64(class as u64);
    for _ in 0..ROUNDS {
        order.shuffle(&mut randomness);
        for index in &order {
            let (Some(features), Some(label), Some(squares), Some(multiplier)) = (
                examples.get(*index),
                labels.get(*index),
                squares.get(*index),
                multipliers.get_mut(*index),
            ) else {
                continue;
            };
            let sign = if *label == class { 1.0 } else { -1.0 };
            let gradient = sign * product(&weights, features) - 1.0 + diagonal * *multiplier;
            let updated = (*multiplier - gradient / (squares + diagonal)).max(0.0);
            let change = (updated - *multiplier) * sign;
            *multiplier = updated;
            if change == 0.0 {
                continue;
            }
            for (feature, value) in features {
                if let Some(weight) = weights.get_mut(*feature) {
                    *weight += change * value;
                }
            }
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use mofang_data::Target;

    use super::*;

    fn split(texts: &[(&str, usize)]) -> Split {
        let example = |(text, class): &(&str, usize)| Example {
            id: String::new(),
            input: RawExample::Text((*text).to_owned()),
            target: Target::Class(*class),
        };
        Split::new(texts.iter().map(example).collect())
    }

    #[test]
    fn what_single_words_tell_is_learned_in_any_script() {
        let train = split(&[
            ("you have won a prize", 0),
            ("claim your prize now", 0),
            ("see you at home tonight", 1),
            ("dinner at home?", 1),
            ("西面是爱琴海", 2),
            ("北面是黑海", 2),
        ]);
        let judged = split(&[
            ("a PRIZE for you", 0),
            ("I am at home", 1),
            ("南面是地中海", 2),
        ]);
        let Some(Outcomes::Classes(outcomes)) = linear(&train, &judged, 3) else {
            panic!("no baseline");
        };
        assert_eq!(outcomes.predicted(), [0, 1, 2]);
    }

    #[test]
    fn what_is_no_text_has_no_such_baseline() {
        let other = Split::new(vec![Example {
            id: String::new(),
            input: RawExample::Encoded(vec![1]),
            target: Target::Class(0),
        }]);
        assert!(linear(&other, &other, 2).is_none());
    }
}
