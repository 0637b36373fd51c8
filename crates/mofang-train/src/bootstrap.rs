//! Intervals around the values of metrics, by the bootstrap: examples are drawn again from those that were judged, with
//! repetition, and a value's interval is what the middle 95 % of so many values lie in. Efron and Tibshirani 1993, "An
//! Introduction to the Bootstrap", section 13.3.
//!
//! They tell how far a value may be off because the split has these examples and no others; nothing of what another
//! seed of the training would change. Of a language model windows are drawn in place of tokens, which depend on those
//! before them; what reaches from one window into the next is not told, and neither are bits per byte.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::metrics::{Outcomes, values_of};

/// Resamples when nobody says how many.
pub(crate) const RESAMPLES_USUAL: usize = 1_000;

/// Fewest resamples: of fewer, two or less lie outside on either side.
pub(crate) const RESAMPLES_MIN: usize = 100;

/// Most values that all resamples together may look at: five seconds of one core.
const VISITS_MAX: usize = 800_000_000;

/// What an example costs besides the probabilities of its classes, in values.
const VISITS_OF_EXAMPLE: usize = 4;

/// How often the averages over classes look at each cell of the confusion matrix, about.
const VISITS_OF_CELL: usize = 16;

/// The interval reaches from one of these parts of the sorted values to all but one of them.
const PARTS: usize = 40;

/// Intervals around the values of metrics, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Intervals {
    /// Where each begins and ends.
    pub(crate) bounds: BTreeMap<String, [f64; 2]>,
    /// How many resamples they are of; 0 where there are none.
    pub(crate) resamples: usize,
}

/// The intervals around `values`, which are those of the outcomes, over so many resamples: fewer where they would take
/// too long, and none where fewer than [`RESAMPLES_MIN`] are left. A resample for which a value is not defined does not
/// count for it. The same seed gives the same bits, however many threads there are.
pub(crate) fn intervals(
    outcomes: &Outcomes,
    values: &BTreeMap<String, f64>,
    resamples: usize,
    seed: u64,
) -> Intervals {
    let resamples = affordable(visits(outcomes), resamples);
    let units = outcomes.units();
    // One example drawn again is always itself, which would look like certainty.
    if units < 2 || resamples < RESAMPLES_MIN {
        return Intervals::default();
    }
    outcomes.prepare_resamples();
    let drawn: Vec<Vec<(&'static str, f64)>> = (0..resamples)
        .into_par_iter()
        .map(|number| values_of(&outcomes.resampled(draw(units, seed, number as u64))).collect())
        .collect();
    let mut by_name: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value) in drawn.into_iter().flatten() {
        if values.contains_key(name) {
            by_name.entry(name).or_default().push(value);
        }
    }
    Intervals {
        bounds: by_name
            .into_iter()
            .filter_map(|(name, values)| Some((name.to_owned(), middle(values)?)))
            .collect(),
        resamples,
    }
}

/// How often each of `count` examples is drawn, in as many draws.
fn draw(count: usize, seed: u64, number: u64) -> Vec<u32> {
    let mut randomness = ChaCha8Rng::seed_from_u64(seed);
    randomness.set_stream(number);
    let mut counts = vec![0; count];
    for _ in 0..count {
        if let Some(drawn) = counts.get_mut(randomness.random_range(0..count)) {
            *drawn += 1;
        }
    }
    counts
}

/// What the middle 95 % of the values lie in; nothing for a few.
fn middle(mut values: Vec<f64>) -> Option<[f64; 2]> {
    if values.len() < RESAMPLES_MIN {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |part: usize| {
        let place = (values.len() - 1) * part;
        let (before, share) = (place / PARTS, (place % PARTS) as f64 / PARTS as f64);
        let low = values.get(before)?;
        let high = values.get(before + 1).unwrap_or(low);
        Some(low + (high - low) * share)
    };
    Some([at(1)?, at(PARTS - 1)?])
}

/// How many of the wanted resamples there is time for, when each looks at so many values.
fn affordable(visits: usize, wanted: usize) -> usize {
    wanted.min(VISITS_MAX / visits.max(1))
}

/// How many values the metrics look at in one resample, about.
fn visits(outcomes: &Outcomes) -> usize {
    let units = outcomes.units();
    match outcomes {
        Outcomes::Classes(outcomes) => visits_of_classes(units, outcomes.classes()),
        Outcomes::Numbers(_) => units.saturating_mul(VISITS_OF_EXAMPLE),
        Outcomes::Tokens(_) | Outcomes::Transcripts(_) => units,
    }
}

fn visits_of_classes(examples: usize, classes: usize) -> usize {
    let cells = classes.saturating_mul(classes);
    examples
        .saturating_mul(classes.saturating_add(VISITS_OF_EXAMPLE))
        .saturating_add(cells.saturating_mul(VISITS_OF_CELL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{ClassOutcomes, NumberOutcomes, TokenOutcomes, compute_all};

    /// Two classes, of which so many of `count` answers are right.
    fn right(rights: usize, count: usize) -> Outcomes {
        let logits: Vec<f32> = (0..count)
            .flat_map(|example| {
                let is_right = example < rights;
                [
                    f32::from(u8::from(is_right)),
                    f32::from(u8::from(!is_right)),
                ]
            })
            .collect();
        Outcomes::Classes(ClassOutcomes::from_logits(&logits, &vec![0; count], 2).unwrap())
    }

    fn intervals_of(outcomes: &Outcomes, resamples: usize, seed: u64) -> Intervals {
        intervals(outcomes, &compute_all(outcomes), resamples, seed)
    }

    #[test]
    fn the_interval_of_an_accuracy_is_that_of_the_normal_distribution() {
        let outcomes = right(320, 400);
        let intervals = intervals_of(&outcomes, 4_000, 1);
        let reach = 1.96 * (0.8_f64 * 0.2 / 400.0).sqrt();
        let [low, high] = intervals.bounds["accuracy"];
        assert!((low - (0.8 - reach)).abs() < 0.006, "{low}");
        assert!((high - (0.8 + reach)).abs() < 0.006, "{high}");
        assert_eq!(intervals.resamples, 4_000);
        // All are of one class: there is nothing that an area could be of.
        assert!(!intervals.bounds.contains_key("roc_auc"));
        assert_ne!(intervals, intervals_of(&outcomes, 4_000, 2));
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_normal_distribution() {
        // Errors of 0, 1, …, 9, equally often: their variance is 8.25.
        let errors = (0..500_u32).map(|index| f64::from(index % 10));
        let outcomes = NumberOutcomes::new(errors.collect(), vec![0.0; 500]).unwrap();
        let intervals = intervals_of(&Outcomes::Numbers(outcomes), 4_000, 1);
        let reach = 1.96 * (8.25_f64 / 500.0).sqrt();
        let [low, high] = intervals.bounds["mae"];
        assert!((low - (4.5 - reach)).abs() < 0.03, "{low}");
        assert!((high - (4.5 + reach)).abs() < 0.03, "{high}");
        assert!(!intervals.bounds.contains_key("r2"));
    }

    #[test]
    fn the_bits_are_the_same_on_one_thread_and_on_four() {
        let logits: Vec<f32> = (0_u16..900)
            .map(|i| f32::from(i * 37 % 101) / 25.0)
            .collect();
        let labels: Vec<usize> = (0..300).map(|i| i * 7 % 3).collect();
        let outcomes = ClassOutcomes::from_logits(&logits, &labels, 3).unwrap();
        let outcomes = Outcomes::Classes(outcomes);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| intervals_of(&outcomes, 300, 5))
        };
        let one = on(1);
        assert_eq!(one, on(4));
        assert!(one.bounds.contains_key("roc_auc") && one.bounds.contains_key("pr_auc"));
        for (name, [low, high]) in &one.bounds {
            assert!(low <= high, "{name}: {low} {high}");
        }
    }

    #[test]
    fn a_resample_of_one_class_does_not_count_for_an_area() {
        // One of five is of the second class, and a third of the resamples do without it.
        let logits = [2.0, 0.0, 2.0, 0.1, 2.0, 0.2, 2.0, 0.3, 0.0, 2.0];
        let outcomes = ClassOutcomes::from_logits(&logits, &[0, 0, 0, 0, 1], 2).unwrap();
        let outcomes = Outcomes::Classes(outcomes);
        let intervals = intervals_of(&outcomes, 1_000, 3);
        assert_eq!(
            intervals.bounds["roc_auc"].map(f64::to_bits),
            [1.0_f64.to_bits(); 2]
        );
        // Of 100 resamples too few are left.
        let few = intervals_of(&outcomes, 100, 3);
        assert_eq!(few.resamples, 100);
        assert!(few.bounds.contains_key("accuracy") && !few.bounds.contains_key("roc_auc"));
    }

    #[test]
    fn what_cannot_be_drawn_again_has_no_intervals() {
        let nothing = Intervals::default();
        assert_eq!(intervals_of(&right(1, 1), 1_000, 1), nothing);
        assert_eq!(intervals_of(&right(3, 4), 0, 1), nothing);
        assert_eq!(intervals_of(&right(3, 4), RESAMPLES_MIN - 1, 1), nothing);
        let mut tokens = TokenOutcomes::new(8);
        tokens.add_probability(0.5);
        tokens.add_probability(0.25);
        assert_eq!(intervals_of(&Outcomes::Tokens(tokens), 1_000, 1), nothing);
    }

    #[test]
    fn windows_of_tokens_are_drawn_whole() {
        let logits: Vec<f32> = (0_u16..240)
            .map(|i| f32::from(i * 29 % 31) / 10.0)
            .collect();
        let next: Vec<usize> = (0..80).map(|i| i % 3).collect();
        let mut tokens = TokenOutcomes::new(80);
        tokens.add(&logits, &next, 3, 4).unwrap();
        let outcomes = Outcomes::Tokens(tokens);
        assert_eq!(outcomes.units(), 20);
        let values = compute_all(&outcomes);
        let intervals = intervals_of(&outcomes, 1_000, 1);
        let names: Vec<&String> = intervals.bounds.keys().collect();
        assert_eq!(names, ["cross_entropy", "perplexity", "token_accuracy"]);
        for (name, [low, high]) in &intervals.bounds {
            assert!(*low < values[name] && values[name] < *high, "{name}");
        }
    }

    #[test]
    fn what_would_take_too_long_has_fewer_resamples() {
        let of_classes = |examples: usize, classes: usize| {
            affordable(visits_of_classes(examples, classes), 1_000)
        };
        assert_eq!(of_classes(50_000, 10), 1_000);
        assert_eq!(of_classes(200_000, 10), 285);
        assert!(of_classes(50_000, 1_000) < RESAMPLES_MIN);
        assert_eq!(affordable(0, 1_000), 1_000);
        assert_eq!(visits(&right(3, 4)), visits_of_classes(4, 2));
    }

    #[test]
    fn the_middle_is_between_the_values_where_it_falls_between_them() {
        let values: Vec<f64> = (0..=200_u32).rev().map(f64::from).collect();
        assert_eq!(
            middle(values).unwrap().map(f64::to_bits),
            [5.0, 195.0].map(f64::to_bits)
        );
        let values: Vec<f64> = (0..=100_u32).map(f64::from).collect();
        assert_eq!(
            middle(values).unwrap().map(f64::to_bits),
            [2.5, 97.5].map(f64::to_bits)
        );
        assert_eq!(middle(vec![1.0; RESAMPLES_MIN - 1]), None);
    }
}
