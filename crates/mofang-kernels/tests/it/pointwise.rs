//! Rectifiers against their definitions.

use mofang_kernels::{Activation, pointwise};

use crate::support::{bits, values};

#[test]
fn values_and_slopes_pass_where_they_should() {
    let input = [
        -1.0,
        -0.0,
        0.0,
        3.0,
        6.0,
        7.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
    ];
    for (activation, expected, passed) in [
        (Activation::Identity, input, [1.0; 9]),
        (
            Activation::Relu,
            [0.0, -0.0, 0.0, 3.0, 6.0, 7.0, f32::NAN, f32::INFINITY, 0.0],
            [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
        ),
        (
            Activation::Relu6,
            [0.0, -0.0, 0.0, 3.0, 6.0, 6.0, f32::NAN, 6.0, 0.0],
            [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        ),
    ] {
        let mut output = [1.5; 9];
        pointwise::activate(activation, &input, &mut output).unwrap();
        assert_eq!(bits(&output), bits(&expected), "{activation:?}");
        let mut gradient = [1.5; 9];
        pointwise::gradient(activation, &output, &[1.0; 9], &mut gradient).unwrap();
        assert_eq!(gradient, passed, "{activation:?}");
        pointwise::add(activation, &input, &[0.0; 9], &mut output).unwrap();
        assert_eq!(output.map(f32::is_nan), expected.map(f32::is_nan));
    }
}

#[test]
fn long_slices_are_split_without_a_seam() {
    for length in [0, 1, 16_383, 16_384, 50_001] {
        let (left, right) = (values(length, 1), values(length, 2));
        let mut output = vec![f32::NAN; length];
        pointwise::add(Activation::Relu, &left, &right, &mut output).unwrap();
        for ((output, left), right) in output.iter().zip(&left).zip(&right) {
            assert_eq!(output.to_bits(), (left + right).max(0.0).to_bits());
        }
    }
    assert!(pointwise::add(Activation::Relu, &[0.0], &[0.0], &mut []).is_err());
}
