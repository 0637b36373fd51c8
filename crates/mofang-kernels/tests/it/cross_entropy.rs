//! Cross entropy against its definition and finite differences.

use mofang_kernels::cross_entropy::CrossEntropy;
use proptest::prelude::*;

use crate::support::{assert_slope, bits, values, widen};

/// The sum of the losses in double precision.
fn definition(loss: &CrossEntropy, scores: &[f64], targets: &[i64]) -> f64 {
    let rows = scores.chunks(loss.classes.max(1)).zip(targets);
    rows.filter(|(_, target)| loss.ignored != Some(**target))
        .map(|(scores, target)| {
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|x| (x - most).exp()).sum();
            let smoothing = f64::from(loss.smoothing);
            scores
                .iter()
                .enumerate()
                .map(|(class, x)| {
                    let own = if class as i64 == *target {
                        1.0 - smoothing
                    } else {
                        0.0
                    };
                    -(own + smoothing / loss.classes as f64) * (x - most - sum.ln())
                })
                .sum::<f64>()
        })
        .sum()
}

fn check(loss: CrossEntropy) {
    let CrossEntropy { rows, classes, .. } = loss;
    let scores: Vec<f32> = values(rows * classes, 1).iter().map(|x| x * 5.0).collect();
    let targets: Vec<i64> = (0..rows)
        .map(|row| {
            let class = (row * 7 % classes.max(1)) as i64;
            if row % 3 == 1 {
                loss.ignored.unwrap_or(class)
            } else {
                class
            }
        })
        .collect();
    let wide = widen(&scores);
    let actual = loss.forward(&scores, &targets).unwrap();
    let expected = definition(&loss, &wide, &targets);
    assert!(
        (actual.sum - expected).abs() <= 1e-6 * (rows as f64 + expected),
        "{loss:?}"
    );
    let ignored = targets
        .iter()
        .filter(|target| loss.ignored == Some(**target))
        .count();
    assert_eq!(actual.count, rows - ignored);
    let mut gradient = vec![f32::NAN; scores.len()];
    let factor = 0.5;
    loss.gradient(&scores, &targets, &actual.logarithms, factor, &mut gradient)
        .unwrap();
    assert_slope("scores", &gradient, &wide, 1e-6, |scores| {
        definition(&loss, scores, &targets) * f64::from(factor)
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(
        rows in 0_usize..30,
        classes in 1_usize..150,
        smoothing in prop::sample::select(&[0.0_f32, 0.1][..]),
        ignored in prop::sample::select(&[None, Some(-100), Some(0)][..]),
    ) {
        check(CrossEntropy { rows, classes, smoothing, ignored });
    }
}

#[test]
fn a_vocabulary_and_a_hundred_runs() {
    let loss = CrossEntropy {
        rows: 70,
        classes: 4099,
        smoothing: 0.1,
        ignored: Some(-100),
    };
    check(loss);
    let scores = values(70 * 4099, 1);
    let targets: Vec<i64> = (0..70).collect();
    let run = || {
        let actual = loss.forward(&scores, &targets).unwrap();
        let mut gradient = vec![f32::NAN; scores.len()];
        loss.gradient(&scores, &targets, &actual.logarithms, 1.0, &mut gradient)
            .unwrap();
        (actual.sum.to_bits(), bits(&gradient))
    };
    let first = run();
    for _ in 0..100 {
        assert!(run() == first);
    }
}

#[test]
fn large_scores_infinity_and_nan() {
    let loss = CrossEntropy {
        rows: 1,
        classes: 3,
        smoothing: 0.0,
        ignored: None,
    };
    let sum = |scores: [f32; 3], class: i64| loss.forward(&scores, &[class]).unwrap().sum;
    assert_eq!(sum([1000.0, 0.0, -1000.0], 1), 1000.0);
    assert_eq!(sum([0.0, f32::NEG_INFINITY, 0.0], 1), f64::INFINITY);
    assert!(sum([f32::NAN, 0.0, 0.0], 1).is_nan());
    assert!(sum([f32::INFINITY, 0.0, 0.0], 1).is_nan());
    let mut gradient = [0.0; 3];
    loss.gradient(&[0.0, f32::NAN, 0.0], &[0], &[f32::NAN], 1.0, &mut gradient)
        .unwrap();
    assert!(gradient.iter().all(|value| value.is_nan()));
}

#[test]
fn classes_that_there_are_not_and_wrong_lengths_are_errors() {
    let loss = CrossEntropy {
        rows: 2,
        classes: 3,
        smoothing: 0.0,
        ignored: Some(-100),
    };
    let scores = [0.0; 6];
    assert!(loss.forward(&scores, &[0, -100]).is_ok());
    for target in [-1, 3] {
        assert!(loss.forward(&scores, &[0, target]).is_err());
    }
    assert!(loss.forward(&scores, &[0]).is_err());
    assert!(loss.forward(&scores[1..], &[0, 1]).is_err());
}
