//! The CTC loss against the sum over all ways, finite differences and PyTorch's numbers.

use mofang_kernels::ctc::Ctc;
use proptest::prelude::*;

use crate::support::{assert_slope, bits, values, widen};

/// `log_softmax` of each row, in double precision.
fn log_softmax(scores: &[f64], classes: usize) -> Vec<f64> {
    let rows = scores.chunks(classes);
    rows.flat_map(|row| {
        let sum: f64 = row.iter().map(|x| x.exp()).sum();
        row.iter().map(move |x| x - sum.ln())
    })
    .collect()
}

/// The loss of an item: the ways are all sequences of classes, of which those count that give the labels when
/// repetitions are joined and blanks left out.
fn definition(
    log_probabilities: &[f64],
    steps: usize,
    classes: usize,
    blank: usize,
    labels: &[i64],
) -> f64 {
    let mut probability = 0.0;
    for way in 0..classes.pow(steps as u32) {
        let mut rest = way;
        let mut said = Vec::new();
        let mut before = blank;
        let mut sum = 0.0;
        for step in 0..steps {
            let class = rest % classes;
            rest /= classes;
            sum += log_probabilities[step * classes + class];
            if class != blank && class != before {
                said.push(class as i64);
            }
            before = class;
        }
        if said == labels {
            probability += sum.exp();
        }
    }
    -probability.ln()
}

fn check(time: usize, classes: usize, blank: usize, lengths: &[(usize, usize)]) {
    let blank = blank % classes;
    let batch = lengths.len();
    let width = 3;
    let targets: Vec<i64> = (0..batch * width)
        .map(|place| {
            let label = place * place / 2 % classes;
            if label == blank {
                (blank + 1) % classes
            } else {
                label
            }
        })
        .map(|label| label as i64)
        .collect();
    let (input_lengths, target_lengths): (Vec<usize>, Vec<usize>) = lengths.iter().copied().unzip();
    let ctc = Ctc {
        batch,
        time,
        classes,
        blank,
        input_lengths: &input_lengths,
        targets: &targets,
        target_lengths: &target_lengths,
        zero_infinity: true,
    };
    let scores = widen(&values(batch * time * classes, 1));
    let total = |scores: &[f64]| -> Vec<f64> {
        let input = log_softmax(scores, classes);
        (0..batch)
            .map(|item| {
                let input = &input[item * time * classes..];
                let labels = &targets[item * width..item * width + target_lengths[item]];
                let loss = definition(input, input_lengths[item], classes, blank, labels);
                if loss == f64::INFINITY { 0.0 } else { loss }
            })
            .collect()
    };
    let input: Vec<f32> = log_softmax(&scores, classes)
        .iter()
        .map(|x| *x as f32)
        .collect();
    let mut gradient = vec![f32::NAN; input.len()];
    let losses = ctc.loss(&input, Some(&mut gradient)).unwrap();
    for (actual, expected) in losses.iter().zip(total(&scores)) {
        let error = (f64::from(*actual) - expected).abs();
        assert!(error < 1e-5, "{actual} is not {expected}: {ctc:?}");
    }
    assert_eq!(bits(&ctc.loss(&input, None).unwrap()), bits(&losses));
    assert_slope("scores", &gradient, &scores, 1e-5, |scores| {
        total(scores).iter().sum()
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(
        time in 0_usize..6,
        classes in 2_usize..5,
        blank in 0_usize..5,
        lengths in prop::collection::vec((0_usize..6, 0_usize..4), 0..4),
    ) {
        let lengths: Vec<_> = lengths.into_iter().map(|(steps, labels)| (steps.min(time), labels)).collect();
        check(time, classes, blank, &lengths);
    }
}

/// Eighths of scores, `[5, 7, 4]`.
const SCORES: [i8; 140] = [
    -18, -3, -8, 8, -7, -10, -5, -7, -10, 12, 3, 16, 9, -10, 1, 3, 1, -5, -10, -6, 0, 2, 1, -7, 8,
    -2, -6, -13, -5, 12, -4, -7, -1, 4, 0, -10, -10, -9, 9, 7, 5, 1, -9, 15, -2, 2, -11, 2, -25,
    -1, 14, -5, -5, 23, 7, 8, -11, -16, 0, -3, -2, 7, 12, 0, -9, -1, 8, -1, 1, 8, -14, 8, 6, -4, 1,
    16, 4, 12, 0, 12, -6, 3, -7, 3, 7, 9, -3, 4, -1, 8, 3, -4, -4, 2, -11, 7, -5, 5, -12, 11, 3, 3,
    -3, -10, 2, -1, 0, -2, -4, 22, -12, 3, -4, -1, 11, 2, 9, 7, -5, -5, 9, -4, 4, -2, 0, -9, 11,
    10, 1, -5, -5, -1, -4, -10, 5, -6, -3, -9, -3, -4,
];

/// The gradient of the first item's loss.
const GRADIENT: [f64; 28] = [
    -0.041_889_156,
    -0.753_749_101,
    0.094_842_405,
    0.700_795_851,
    -0.527_186_32,
    -0.047_944_485,
    0.323_325_023,
    0.251_805_781,
    -0.015_595_722,
    -0.634_117_081,
    0.106_888_452,
    0.542_824_351,
    -0.261_808_642,
    -0.030_260_374,
    0.047_732_281,
    0.244_336_734,
    -0.090_146_678,
    -0.011_092_141,
    -0.093_368_442,
    0.194_607_261,
    0.010_311_448,
    0.242_428_99,
    -0.361_467_125,
    0.108_726_687,
    -0.087_748_449,
    0.186_925_908,
    -0.146_439_73,
    0.047_262_271,
];

/// What PyTorch 2.15 gives in double precision.
#[test]
fn numbers_of_pytorch() {
    let scores: Vec<f64> = SCORES.iter().map(|x| f64::from(*x) / 8.0).collect();
    let input: Vec<f32> = log_softmax(&scores, 4).iter().map(|x| *x as f32).collect();
    let ctc = Ctc {
        batch: 5,
        time: 7,
        classes: 4,
        blank: 0,
        input_lengths: &[7, 5, 4, 3, 4],
        targets: &[1, 1, 2, 3, 2, 1, 2, 0, 0, 0, 0, 0, 1, 1, 1],
        target_lengths: &[3, 3, 1, 0, 3],
        zero_infinity: true,
    };
    let mut gradient = vec![f32::NAN; input.len()];
    let losses = ctc.loss(&input, Some(&mut gradient)).unwrap();
    let expected = [6.001_347_59, 5.584_986_59, 3.231_744_02, 5.053_315_52, 0.0];
    for (actual, expected) in losses.iter().zip(expected) {
        assert!(
            (f64::from(*actual) - expected).abs() < 1e-5,
            "{actual} is not {expected}"
        );
    }
    for (actual, expected) in gradient.iter().zip(GRADIENT) {
        assert!(
            (f64::from(*actual) - expected).abs() < 1e-6,
            "{actual} is not {expected}"
        );
    }
    // The last item has three equal labels and four steps.
    assert!(gradient[112..].iter().all(|value| *value == 0.0));
    let infinite = Ctc {
        zero_infinity: false,
        ..ctc
    };
    let losses = infinite.loss(&input, Some(&mut gradient)).unwrap();
    assert_eq!(losses[4], f32::INFINITY);
    assert!(gradient[112..128].iter().all(|value| value.is_nan()));
    assert!(gradient[128..].iter().all(|value| *value == 0.0));
    let first = bits(&gradient);
    for _ in 0..100 {
        infinite.loss(&input, Some(&mut gradient)).unwrap();
        assert!(bits(&gradient) == first);
    }
    let mut input = input;
    input[0] = f32::NAN;
    assert!(ctc.loss(&input, None).unwrap()[0].is_nan());
}

#[test]
fn a_long_sequence_does_not_underflow() {
    let (time, classes) = (2000, 30);
    let targets: Vec<i64> = (0..200).map(|place| 1 + place % 29).collect();
    let ctc = Ctc {
        batch: 1,
        time,
        classes,
        blank: 0,
        input_lengths: &[time],
        targets: &targets,
        target_lengths: &[200],
        zero_infinity: false,
    };
    let input = vec![-(classes as f32).ln(); time * classes];
    let mut gradient = vec![0.0; input.len()];
    let loss = ctc.loss(&input, Some(&mut gradient)).unwrap()[0];
    assert!(loss.is_finite() && loss > 1000.0, "{loss}");
    // The posteriors of a step sum up to 1.
    for step in gradient.chunks(classes) {
        assert!(step.iter().sum::<f32>().abs() < 1e-4);
    }
}

#[test]
fn lengths_and_labels_that_do_not_fit_are_errors() {
    let ctc = Ctc {
        batch: 1,
        time: 2,
        classes: 3,
        blank: 0,
        input_lengths: &[2],
        targets: &[1, 2],
        target_lengths: &[2],
        zero_infinity: false,
    };
    let input = [0.0; 6];
    assert!(ctc.loss(&input, None).is_ok());
    assert!(ctc.loss(&input[1..], None).is_err());
    for wrong in [
        Ctc { blank: 3, ..ctc },
        Ctc {
            input_lengths: &[3],
            ..ctc
        },
        Ctc {
            input_lengths: &[],
            ..ctc
        },
        Ctc {
            target_lengths: &[3],
            ..ctc
        },
        Ctc {
            targets: &[1, 3],
            ..ctc
        },
        Ctc {
            targets: &[1, 0],
            ..ctc
        },
        Ctc {
            targets: &[1, -1],
            ..ctc
        },
    ] {
        assert!(wrong.loss(&input, None).is_err(), "{wrong:?}");
    }
}
