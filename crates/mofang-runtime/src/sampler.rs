//! Chooses the next token by the logits of a language model.

use std::collections::BTreeSet;

use mofang_types::Sampling;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::RuntimeError;

/// Chooses token after token: a function of the settings, the seed and the logits.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    randomness: ChaCha8Rng,
    /// Ids that were there already.
    seen: BTreeSet<u32>,
}

/// A token with its logit, and then with its share.
type Candidate = (usize, f64);

impl Sampler {
    pub(crate) fn new(sampling: Sampling, seed: u64) -> Self {
        Self {
            sampling,
            randomness: ChaCha8Rng::seed_from_u64(seed),
            seen: BTreeSet::new(),
        }
    }

    /// These tokens were there already.
    pub(crate) fn see(&mut self, ids: &[u32]) {
        if self.sampling.repetition_penalty.is_some() {
            self.seen.extend(ids);
        }
    }

    /// The id of the next token; never one of `forbidden`.
    ///
    /// # Errors
    /// When a logit is not finite, or nothing is left to choose.
    pub(crate) fn choose(
        &mut self,
        logits: &[f32],
        forbidden: &BTreeSet<u32>,
    ) -> Result<u32, RuntimeError> {
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(RuntimeError::OutputNotFinite);
        }
        let mut candidates: Vec<Candidate> = logits
            .iter()
            .enumerate()
            .filter(|(id, _)| u32::try_from(*id).is_ok_and(|id| !forbidden.contains(&id)))
            .map(|(id, logit)| (id, f64::from(*logit)))
            .collect();
        if let Some(penalty) = self.sampling.repetition_penalty {
            for (id, logit) in &mut candidates {
                if u32::try_from(*id).is_ok_and(|id| self.seen.contains(&id)) {
                    *logit = if *logit > 0.0 {
                        *logit / penalty
                    } else {
                        *logit * penalty
                    };
                }
            }
        }
        // Most probable first; of equals the one with the smaller id, on every machine.
        let by_rank = |a: &Candidate, b: &Candidate| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if self.sampling.temperature == 0.0 {
            return chosen(candidates.into_iter().min_by(by_rank));
        }
        if let Some(top_k) = self.sampling.top_k
            && top_k < candidates.len()
        {
            candidates.select_nth_unstable_by(top_k, by_rank);
            candidates.truncate(top_k);
        }
        candidates.sort_unstable_by(by_rank);
        self.limit(&mut candidates);
        let total: f64 = candidates.iter().map(|(_, share)| share).sum();
        let mut left = self.randomness.random::<f64>() * total;
        let drawn = candidates.iter().find(|(_, share)| {
            left -= share;
            left < 0.0
        });
        // Rounding may leave a little behind the last.
        chosen(drawn.or(candidates.last()).copied())
    }

    /// Makes shares of the sorted logits, and drops those that `top_p` and `min_p` leave out.
    fn limit(&self, candidates: &mut Vec<Candidate>) {
        let largest = candidates.first().map_or(0.0, |(_, logit)| *logit);
        for (_, value) in candidates.iter_mut() {
            *value = ((*value - largest) / self.sampling.temperature).exp();
        }
        if let Some(top_p) = self.sampling.top_p {
            let wanted = top_p * candidates.iter().map(|(_, share)| share).sum::<f64>();
            let mut sum = 0.0;
            let kept = candidates
                .iter()
                .position(|(_, share)| {
                    sum += share;
                    sum >= wanted
                })
                .map_or(candidates.len(), |last| last + 1);
            candidates.truncate(kept);
        }
        if let Some(min_p) = self.sampling.min_p {
            // The first has the share 1.
            candidates.retain(|(_, share)| *share >= min_p);
        }
    }
}

fn chosen(candidate: Option<Candidate>) -> Result<u32, RuntimeError> {
    candidate
        .and_then(|(id, _)| u32::try_from(id).ok())
        .ok_or(RuntimeError::OutputNotFinite)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [1.0, 3.0, 2.5, -1.0, 3.0];

    /// How often each token is chosen in many draws.
    fn shares(sampling: Sampling, draws: u32) -> [f64; 5] {
        let mut sampler = Sampler::new(sampling, 7);
        let mut counts = [0_u32; 5];
        for _ in 0..draws {
            let id = sampler.choose(&LOGITS, &BTreeSet::new()).unwrap();
            counts[id as usize] += 1;
        }
        counts.map(|count| f64::from(count) / f64::from(draws))
    }

    fn sampling() -> Sampling {
        Sampling::default()
    }

    #[test]
    fn at_temperature_0_the_most_probable_is_taken_and_of_equals_the_first() {
        let greedy = Sampling {
            temperature: 0.0,
            ..sampling()
        };
        assert!(shares(greedy, 20)[1] > 0.99);
        let mut sampler = Sampler::new(greedy, 0);
        let forbidden = BTreeSet::from([1, 4]);
        assert_eq!(sampler.choose(&LOGITS, &forbidden).unwrap(), 2);
    }

    #[test]
    fn draws_follow_the_softmax_at_the_temperature() {
        // scipy.special.softmax([1, 3, 2.5, -1, 3]) and of half and double of them.
        for (temperature, expected) in [
            (1.0, [0.049_03, 0.362_30, 0.219_74, 0.006_64, 0.362_30]),
            (2.0, [0.112_09, 0.304_69, 0.237_29, 0.041_24, 0.304_69]),
            (0.5, [0.007_67, 0.419_02, 0.154_15, 0.000_14, 0.419_02]),
        ] {
            let found = shares(
                Sampling {
                    temperature,
                    ..sampling()
                },
                40_000,
            );
            for (a, b) in found.iter().zip(expected) {
                // Four standard deviations of a share of 40 000 draws.
                assert!((a - b).abs() < 0.01, "{temperature}: {found:?}");
            }
        }
    }

    #[test]
    fn limits_leave_out_what_they_say() {
        let kept = |sampling| shares(sampling, 4_000).map(|share| share > 0.0);
        let top_k = Sampling {
            top_k: Some(2),
            ..sampling()
        };
        assert_eq!(kept(top_k), [false, true, false, false, true]);
        // Of 0.357 + 0.357 = 0.714 one more is needed for 0.8: that which crosses it is kept.
        let top_p = Sampling {
            top_p: Some(0.8),
            ..sampling()
        };
        assert_eq!(kept(top_p), [false, true, true, false, true]);
        let narrow = Sampling {
            top_p: Some(1e-9),
            ..sampling()
        };
        assert_eq!(kept(narrow), [false, true, false, false, false]);
        // e^(1 - 3) = 0.135 and e^(-1 - 3) = 0.018 of the most probable.
        let min_p = Sampling {
            min_p: Some(0.1),
            ..sampling()
        };
        assert_eq!(kept(min_p), [true, true, true, false, true]);
    }

    #[test]
    fn what_was_there_becomes_less_probable() {
        let penalized = Sampling {
            temperature: 0.0,
            repetition_penalty: Some(1.5),
            ..sampling()
        };
        let mut sampler = Sampler::new(penalized, 0);
        sampler.see(&[1, 4]);
        assert_eq!(sampler.choose(&LOGITS, &BTreeSet::new()).unwrap(), 2);
        // A negative logit becomes smaller, not larger.
        let mut sampler = Sampler::new(penalized, 0);
        sampler.see(&[0]);
        let choice = sampler.choose(&[-1.0, -1.2], &BTreeSet::new()).unwrap();
        assert_eq!(choice, 1);
    }

    #[test]
    fn the_seed_decides_and_nonsense_is_refused() {
        let draw = |seed| {
            let mut sampler = Sampler::new(sampling(), seed);
            let one = |sampler: &mut Sampler| sampler.choose(&LOGITS, &BTreeSet::new()).unwrap();
            (0..20).map(|_| one(&mut sampler)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let mut sampler = Sampler::new(sampling(), 0);
        let nothing = BTreeSet::new();
        assert!(sampler.choose(&[1.0, f32::NAN], &nothing).is_err());
        assert!(sampler.choose(&[1.0], &BTreeSet::from([0])).is_err());
    }
}
