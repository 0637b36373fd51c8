//! Trigrams of tokens: the baseline that a language model has to beat.
//!
//! Interpolated Kneser-Ney smoothing with one discount for each order: Chen and Goodman 1998, "An Empirical Study of
//! Smoothing Techniques for Language Modeling", section 3.5, <https://aclanthology.org/P96-1041>.

use std::collections::HashMap;
use std::hash::Hash;

use mofang_data::{CompiledPipeline, Split};
use mofang_types::ModelInput;

use crate::metrics::TokenOutcomes;

/// How probable the tokens of `judged` are after those before them, by what `train` has; none where a split has no
/// tokens.
pub(crate) fn trigrams(
    train: &Split,
    judged: &Split,
    pipeline: &CompiledPipeline,
) -> Option<TokenOutcomes> {
    let Some(ModelInput::Tokens {
        vocabulary_size, ..
    }) = pipeline.input()
    else {
        return None;
    };
    let learned = pipeline.token_stream(train.examples()).ok()?;
    let asked = pipeline.token_stream(judged.examples()).ok()?;
    let model = Trigrams::of(&learned.ids, vocabulary_size);
    let mut outcomes = TokenOutcomes::new(asked.bytes);
    for end in 2..=asked.ids.len() {
        let beginning = asked.ids.get(end.saturating_sub(3)..end)?;
        outcomes.add_probability(model.probability(beginning));
    }
    outcomes.checked().ok()
}

/// What is counted of the tokens that come behind a context.
#[derive(Debug, Clone, Copy, Default)]
struct Behind {
    /// All of them.
    total: u64,
    /// Those that differ.
    different: u64,
}

/// The counts of one order: of each context with its token, and of the context.
#[derive(Debug)]
struct Order<Context> {
    counts: HashMap<(Context, u32), u64>,
    behind: HashMap<Context, Behind>,
    discount: f64,
}

impl<Context: Hash + Eq + Copy> Order<Context> {
    fn of(counts: HashMap<(Context, u32), u64>) -> Self {
        let mut behind: HashMap<Context, Behind> = HashMap::new();
        let mut rare = [0_u64; 2];
        for ((context, _), count) in &counts {
            let all = behind.entry(*context).or_default();
            all.total += count;
            all.different += 1;
            match count {
                1 => rare[0] += 1,
                2 => rare[1] += 1,
                _ => {}
            }
        }
        // The estimate of the paper, kept away from nothing and from everything.
        let [once, twice] = rare.map(|count| count as f64);
        let discount = once / (once + 2.0 * twice).max(1.0);
        Self {
            counts,
            behind,
            discount: discount.clamp(0.1, 0.9),
        }
    }

    /// The probability of a token behind a context, where a shorter one gives `shorter`.
    fn probability(&self, context: Context, token: u32, shorter: f64) -> f64 {
        let Some(behind) = self.behind.get(&context) else {
            return shorter;
        };
        let count = self.counts.get(&(context, token)).copied().unwrap_or(0);
        let kept = (count as f64 - self.discount).max(0.0);
        let given = self.discount * behind.different as f64;
        (kept + given * shorter) / behind.total as f64
    }
}

/// Trigrams with the orders below them.
#[derive(Debug)]
struct Trigrams {
    vocabulary_size: usize,
    one: Order<()>,
    two: Order<u32>,
    three: Order<[u32; 2]>,
}

impl Trigrams {
    fn of(ids: &[u32], vocabulary_size: usize) -> Self {
        let mut three: HashMap<([u32; 2], u32), u64> = HashMap::new();
        for window in ids.windows(3) {
            if let [a, b, c] = *window {
                *three.entry(([a, b], c)).or_default() += 1;
            }
        }
        // A shorter order counts behind how many different tokens something comes, not how often: a token that
        // follows one other only is no candidate elsewhere.
        let mut two: HashMap<(u32, u32), u64> = HashMap::new();
        for ([_, b], c) in three.keys() {
            *two.entry((*b, *c)).or_default() += 1;
        }
        let mut one: HashMap<((), u32), u64> = HashMap::new();
        for (_, c) in two.keys() {
            *one.entry(((), *c)).or_default() += 1;
        }
        Self {
            vocabulary_size,
            one: Order::of(one),
            two: Order::of(two),
            three: Order::of(three),
        }
    }

    /// The probability of the last of these tokens, of which there are two or three, behind the others.
    fn probability(&self, tokens: &[u32]) -> f64 {
        let even = 1.0 / self.vocabulary_size.max(1) as f64;
        let (before, token) = match *tokens {
            [a, b, token] => (Some([a, b]), token),
            [.., token] => (None, token),
            [] => return even,
        };
        let last = tokens.len().checked_sub(2).and_then(|at| tokens.get(at));
        let shorter = self.one.probability((), token, even);
        let shorter = last.map_or(shorter, |last| self.two.probability(*last, token, shorter));
        before.map_or(shorter, |before| {
            self.three.probability(before, token, shorter)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_behind_every_context_sum_to_one() {
        let ids: Vec<u32> = (0..400_u32).map(|i| (i * i + i / 3) % 11).collect();
        let model = Trigrams::of(&ids, 13);
        for context in [[0, 1], [5, 5], [12, 3], [12, 12]] {
            let of = |token| model.probability(&[context[0], context[1], token]);
            let sum: f64 = (0..13).map(of).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{context:?}: {sum}");
            assert!((0..13).all(|token| of(token) > 0.0));
            let sum: f64 = (0..13)
                .map(|token| model.probability(&[context[1], token]))
                .sum();
            assert!((sum - 1.0).abs() < 1e-9, "{context:?}: {sum}");
        }
    }

    #[test]
    fn what_came_before_is_probable() {
        let ids = [1, 2, 3, 1, 2, 3, 1, 2, 4, 5, 2, 6];
        let model = Trigrams::of(&ids, 10);
        let behind = |token| model.probability(&[1, 2, token]);
        assert!(behind(3) > behind(4) && behind(4) > behind(6) && behind(6) > behind(9));
    }
}
