//! The sound that files and golden numbers are made of.

use std::f64::consts::TAU;

/// From 200 Hz upwards by 8 Hz a millisecond, at half of full scale.
pub(crate) fn chirp(sample_rate: u32, count: usize) -> Vec<f32> {
    (0..count)
        .map(|index| {
            let time = index as f64 / f64::from(sample_rate);
            (0.5 * (TAU * (200.0 * time + 4000.0 * time * time)).sin()) as f32
        })
        .collect()
}

/// The power of the expected sound over that of the difference, in decibels.
pub(crate) fn signal_to_noise(actual: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(actual.len(), expected.len());
    let (mut signal, mut noise) = (0.0, 0.0);
    for (actual, expected) in actual.iter().zip(expected) {
        signal += f64::from(*expected).powi(2);
        noise += f64::from(actual - expected).powi(2);
    }
    10.0 * (signal / noise.max(1e-30)).log10()
}
