//! Normalization of rows against its definition and finite differences.

use mofang_kernels::geometry::RowShape;
use mofang_kernels::layer_norm::{self, Affine};
use proptest::prelude::*;

use crate::support::{assert_slope, assert_sums, bits, values, widen};

const EPSILON: f64 = 1e-5;

/// The definition in double precision.
fn definition(
    shape: &RowShape,
    is_centred: bool,
    input: &[f64],
    weight: &[f64],
    bias: &[f64],
) -> Vec<f64> {
    let count = shape.features as f64;
    let rows = input.chunks(shape.features.max(1));
    rows.flat_map(|row| {
        let mean = if is_centred {
            row.iter().sum::<f64>() / count
        } else {
            0.0
        };
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        let factor = 1.0 / (variance + EPSILON).sqrt();
        let parameters = weight.iter().zip(bias);
        row.iter()
            .zip(parameters)
            .map(move |(x, (weight, bias))| (x - mean) * factor * weight + bias)
            .collect::<Vec<_>>()
    })
    .collect()
}

fn check(shape: RowShape, is_centred: bool) {
    let RowShape { features, .. } = shape;
    let input: Vec<f32> = values(shape.length(), 1)
        .iter()
        .map(|x| x * 2.0 + 0.5)
        .collect();
    let weight = values(features, 2);
    let bias = if is_centred {
        values(features, 3)
    } else {
        vec![0.0; features]
    };
    let slopes = values(shape.length(), 4);
    let mut output = vec![f32::NAN; shape.length()];
    let mut by_input = vec![f32::NAN; shape.length()];
    let affine = Affine {
        weight: Some(&weight),
        bias: Some(&bias),
        epsilon: EPSILON,
    };
    let (by_weight, by_bias) = if is_centred {
        let statistics = layer_norm::layer_norm(&shape, &input, affine, &mut output).unwrap();
        let by_affine = layer_norm::layer_norm_gradient(
            &shape,
            &input,
            affine,
            &statistics,
            &slopes,
            &mut by_input,
        )
        .unwrap();
        (by_affine.weight, by_affine.bias)
    } else {
        let weight = Some(&weight[..]);
        let statistics =
            layer_norm::rms_norm(&shape, &input, weight, EPSILON, &mut output).unwrap();
        let by_weight = layer_norm::rms_norm_gradient(
            &shape,
            &input,
            weight,
            &statistics,
            &slopes,
            &mut by_input,
        )
        .unwrap();
        (by_weight, Vec::new())
    };
    let (x, w, b) = (widen(&input), widen(&weight), widen(&bias));
    let expected = definition(&shape, is_centred, &x, &w, &b);
    // One or two values of a row may lie close together, and the deviation magnifies their rounding.
    let scale = if features < 3 { 2000.0 } else { 20.0 };
    assert_sums("output", &output, &expected, 4, scale);
    let total = |x: &[f64], w: &[f64], b: &[f64]| -> f64 {
        let output = definition(&shape, is_centred, x, w, b);
        output
            .iter()
            .zip(&slopes)
            .map(|(y, s)| y * f64::from(*s))
            .sum()
    };
    if features < 3 {
        return;
    }
    let bound = 2e-5 * (shape.rows as f64).sqrt().max(1.0);
    assert_slope("input", &by_input, &x, 20.0 * bound, |x| total(x, &w, &b));
    assert_slope("weight", &by_weight, &w, bound, |w| total(&x, w, &b));
    if is_centred {
        assert_slope("bias", &by_bias, &b, bound, |b| total(&x, &w, b));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(rows in 0_usize..20, features in 0_usize..70, is_centred in any::<bool>()) {
        check(RowShape { rows, features }, is_centred);
    }
}

#[test]
fn large_shapes_give_the_same_bits_every_time() {
    let shape = RowShape {
        rows: 301,
        features: 257,
    };
    check(shape, true);
    check(shape, false);
    let (input, weight, slopes) = (
        values(shape.length(), 1),
        values(257, 2),
        values(shape.length(), 3),
    );
    let run = || {
        let affine = Affine {
            weight: Some(&weight),
            bias: None,
            epsilon: EPSILON,
        };
        let mut output = vec![f32::NAN; shape.length()];
        let statistics = layer_norm::layer_norm(&shape, &input, affine, &mut output).unwrap();
        let mut target = vec![f32::NAN; shape.length()];
        let by_affine = layer_norm::layer_norm_gradient(
            &shape,
            &input,
            affine,
            &statistics,
            &slopes,
            &mut target,
        )
        .unwrap();
        [output, target, by_affine.weight, by_affine.bias].map(|values| bits(&values))
    };
    let first = run();
    for _ in 0..100 {
        assert!(run() == first);
    }
}

#[test]
fn a_nan_stays_in_its_row_and_wrong_lengths_are_errors() {
    let shape = RowShape {
        rows: 3,
        features: 5,
    };
    let mut input = values(15, 1);
    input[6] = f32::NAN;
    let affine = Affine {
        weight: None,
        bias: None,
        epsilon: EPSILON,
    };
    let mut output = vec![0.0; 15];
    layer_norm::layer_norm(&shape, &input, affine, &mut output).unwrap();
    let rows: Vec<bool> = output.iter().map(|value| value.is_nan()).collect();
    assert_eq!(rows, [[false; 5], [true; 5], [false; 5]].concat());
    assert!(layer_norm::layer_norm(&shape, &input[1..], affine, &mut output).is_err());
    let affine = Affine {
        weight: Some(&input[..4]),
        ..affine
    };
    assert!(layer_norm::layer_norm(&shape, &input, affine, &mut output).is_err());
}
