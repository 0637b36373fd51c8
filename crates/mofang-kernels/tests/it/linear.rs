//! Linear layers against their definition.

use mofang_kernels::geometry::LinearShape;
use mofang_kernels::{Activation, Nonlinearity, linear};
use proptest::prelude::*;

use crate::support::{assert_sums, bits, values};

fn check(shape: LinearShape) {
    let LinearShape {
        batch,
        features_in,
        features_out,
    } = shape;
    let input = values(batch * features_in, 1);
    let weight = values(features_out * features_in, 2);
    let bias = values(features_out, 3);
    let slopes = values(batch * features_out, 4);
    let mut output = vec![0.0; batch * features_out];
    let mut by_input = vec![0.0; input.len()];
    let mut by_weight = vec![0.0; weight.len()];
    let mut by_bias = vec![0.0; bias.len()];
    for row in 0..batch {
        for column in 0..features_out {
            let slope = f64::from(slopes[row * features_out + column]);
            let sum = &mut output[row * features_out + column];
            *sum = f64::from(bias[column]);
            by_bias[column] += slope;
            for feature in 0..features_in {
                let value = f64::from(input[row * features_in + feature]);
                let factor = f64::from(weight[column * features_in + feature]);
                *sum += value * factor;
                by_input[row * features_in + feature] += slope * factor;
                by_weight[column * features_in + feature] += slope * value;
            }
        }
    }
    let mut actual = vec![f32::NAN; output.len()];
    let identity = Activation::Identity;
    linear::forward(&shape, &input, &weight, Some(&bias), identity, &mut actual).unwrap();
    assert_sums("output", &actual, &output, features_in, 1.0);
    let rectified: Vec<f64> = output.iter().map(|value| value.max(0.0)).collect();
    linear::forward(
        &shape,
        &input,
        &weight,
        Some(&bias),
        Activation::Relu,
        &mut actual,
    )
    .unwrap();
    assert_sums("rectified output", &actual, &rectified, features_in, 1.0);
    let mut before = vec![f32::NAN; output.len()];
    linear::forward_nonlinear(
        &shape,
        &input,
        &weight,
        Some(&bias),
        Nonlinearity::Silu,
        Some(&mut before),
        &mut actual,
    )
    .unwrap();
    assert_sums("sums", &before, &output, features_in, 1.0);
    let bent: Vec<f64> = output.iter().map(|x| x / (1.0 + (-x).exp())).collect();
    assert_sums("bent output", &actual, &bent, features_in, 1.5);
    let mut actual = vec![f32::NAN; input.len()];
    linear::input_gradient(&shape, &weight, &slopes, &mut actual).unwrap();
    assert_sums(
        "gradient by the input",
        &actual,
        &by_input,
        features_out,
        1.0,
    );
    let mut actual = vec![f32::NAN; weight.len()];
    linear::weight_gradient(&shape, &input, &slopes, &mut actual).unwrap();
    assert_sums("gradient by the weight", &actual, &by_weight, batch, 1.0);
    let mut actual = vec![f32::NAN; bias.len()];
    linear::bias_gradient(&shape, &slopes, &mut actual).unwrap();
    assert_sums("gradient by the bias", &actual, &by_bias, batch, 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(batch in 0_usize..40, features_in in 0_usize..90, features_out in 0_usize..90) {
        check(LinearShape { batch, features_in, features_out });
    }
}

#[test]
fn the_networks_layers() {
    for (batch, features_in, features_out) in [(128, 400, 120), (128, 1152, 128), (1, 1280, 1000)] {
        check(LinearShape {
            batch,
            features_in,
            features_out,
        });
    }
}

#[test]
fn a_hundred_runs_give_the_same_bits_and_wrong_lengths_are_errors() {
    let shape = LinearShape {
        batch: 37,
        features_in: 301,
        features_out: 67,
    };
    let (input, weight) = (values(37 * 301, 1), values(67 * 301, 2));
    let run = || {
        let mut output = vec![0.0; 37 * 67];
        let identity = Activation::Identity;
        linear::forward(&shape, &input, &weight, None, identity, &mut output).unwrap();
        bits(&output)
    };
    let first = run();
    for _ in 0..100 {
        assert!(run() == first);
    }
    assert!(linear::bias_gradient(&shape, &input, &mut [0.0; 67]).is_err());
}
