//! Which rows and columns a tree is shown.

/// `SplitMix64`: Steele, Lea, Flood 2014.
#[derive(Debug, Clone)]
pub(crate) struct Randomness(u64);

impl Randomness {
    /// A generator of its own for each seed and tree.
    pub(crate) fn of(seed: u64, tree: u64) -> Self {
        let mut first = Self(seed);
        let own = first.next().wrapping_add(tree);
        Self(own)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A share of `count` places, at least one, in ascending order.
    pub(crate) fn sample(&mut self, count: usize, share: f64) -> Vec<usize> {
        let mut places: Vec<usize> = (0..count).collect();
        let wanted = share_of(count, share);
        if wanted >= count {
            return places;
        }
        // The beginning of a shuffle: Fisher and Yates.
        for place in 0..wanted {
            let rest = (count - place) as u64;
            let other = place + usize::try_from(self.next() % rest).unwrap_or(0);
            places.swap(place, other);
        }
        places.truncate(wanted);
        places.sort_unstable();
        places
    }
}

#[expect(clippy::cast_sign_loss, reason = "a share is above 0")]
fn share_of(count: usize, share: f64) -> usize {
    ((count as f64 * share).round() as usize).clamp(1, count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_function_of_its_seed() {
        let sample = |seed, tree| Randomness::of(seed, tree).sample(100, 0.3);
        assert_eq!(sample(1, 2), sample(1, 2));
        assert_ne!(sample(1, 2), sample(1, 3));
        assert_ne!(sample(1, 2), sample(2, 2));
        let places = sample(7, 0);
        assert_eq!(places.len(), 30);
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]) && places[29] < 100);
        assert_eq!(Randomness::of(1, 1).sample(3, 0.01).len(), 1);
        assert_eq!(Randomness::of(1, 1).sample(3, 1.0), [0, 1, 2]);
    }
}
