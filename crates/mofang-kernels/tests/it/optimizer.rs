//! Optimizers against their formulas.

use mofang_kernels::optimizer::{AdamWStep, SgdStep, adamw, sgd, sum_of_squares};

use crate::support::{bits, values};

#[test]
fn long_parameters_follow_the_formulas() {
    let length = 40_001;
    let (value, slope) = (values(length, 1), values(length, 2));
    let step = AdamWStep {
        gradient_factor: 0.5,
        beta_1: 0.9,
        beta_2: 0.999,
        kept: 0.999,
        rate: 0.01,
        correction: 1.5,
        epsilon: 1e-8,
    };
    let (mut mean, mut square) = (values(length, 3), values(length, 4));
    for square in &mut square {
        *square = square.abs();
    }
    let (old_mean, old_square) = (mean.clone(), square.clone());
    let new = adamw(&step, &value, &slope, &mut mean, &mut square).unwrap();
    for place in 0..length {
        let slope = slope[place] * 0.5;
        let expected_mean = 0.9 * old_mean[place] + (1.0 - 0.9) * slope;
        let expected_square = 0.999 * old_square[place] + (1.0 - 0.999) * slope * slope;
        let expected =
            value[place] * 0.999 - 0.01 * expected_mean / (expected_square.sqrt() * 1.5 + 1e-8);
        assert_eq!(mean[place].to_bits(), expected_mean.to_bits());
        assert_eq!(square[place].to_bits(), expected_square.to_bits());
        assert_eq!(new[place].to_bits(), expected.to_bits());
    }
    let mut step = SgdStep {
        gradient_factor: 0.5,
        momentum: 0.9,
        nesterov: true,
        weight_decay: 0.1,
        rate: 0.01,
    };
    for nesterov in [false, true] {
        step.nesterov = nesterov;
        let mut velocity = old_mean.clone();
        let new = sgd(&step, &value, &slope, Some(&mut velocity)).unwrap();
        let plain = sgd(&step, &value, &slope, None).unwrap();
        for place in 0..length {
            let slope = slope[place] * 0.5 + 0.1 * value[place];
            let rolled = 0.9 * old_mean[place] + slope;
            let change = if nesterov {
                slope + 0.9 * rolled
            } else {
                rolled
            };
            assert_eq!(velocity[place].to_bits(), rolled.to_bits());
            assert_eq!(
                new[place].to_bits(),
                (value[place] - 0.01 * change).to_bits()
            );
            assert_eq!(
                plain[place].to_bits(),
                (value[place] - 0.01 * slope).to_bits()
            );
        }
    }
    assert!(sgd(&step, &value, &slope[1..], None).is_err());
}

#[test]
fn a_norm_is_the_same_whatever_the_threads_are_and_does_not_overflow() {
    let gradient = values(200_001, 1);
    let first = sum_of_squares(&gradient);
    let expected: f64 = gradient.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
    assert!((first / expected - 1.0).abs() < 1e-12);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let again = pool.install(|| sum_of_squares(&gradient));
        assert_eq!(again.to_bits(), first.to_bits());
    }
    assert!(sum_of_squares(&[1e30; 100]).is_finite());
    assert!(sum_of_squares(&[1.0, f32::NAN]).is_nan());
    assert_eq!(bits(&[0.0]), [0]);
}
