//! One seed per training step, from the run's seed and the step's number.

/// The seed of everything random in one training step's forward pass: `SplitMix64` (Steele, Lea,
/// Flood 2014) of the run's seed and the step, so that a resumed run needs the step's number only.
pub fn step_seed(run_seed: u64, step: u64) -> u64 {
    mix(mix(run_seed).wrapping_add(step))
}

/// The output function of `SplitMix64` after one increment.
fn mix(value: u64) -> u64 {
    let mut bits = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // First outputs of SplitMix64 seeded with 1234567, from its reference implementation.
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
    }

    #[test]
    fn steps_and_runs_have_their_own_seeds() {
        let seeds: std::collections::BTreeSet<u64> = (0..10)
            .flat_map(|run| (0..100).map(move |step| step_seed(run, step)))
            .collect();
        assert_eq!(seeds.len(), 1000);
    }
}
