//! Batch normalization against its definition and finite differences.

use mofang_kernels::Activation;
use mofang_kernels::batch_norm2d::{self, Affine, Statistics};
use mofang_kernels::geometry::ChannelShape;
use proptest::prelude::*;

use crate::support::{assert_sums, bits, values};

const EPSILON: f64 = 1e-5;

/// The definition in double precision: output, mean and variance.
fn definition(
    shape: &ChannelShape,
    input: &[f64],
    weight: &[f32],
    bias: &[f32],
    activation: Activation,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let channel_of = |place: usize| place / shape.pixels % shape.channels;
    let count = (shape.batch * shape.pixels) as f64;
    let mut mean = vec![0.0; shape.channels];
    let mut variance = vec![0.0; shape.channels];
    for (place, value) in input.iter().enumerate() {
        mean[channel_of(place)] += value / count;
    }
    for (place, value) in input.iter().enumerate() {
        variance[channel_of(place)] += (value - mean[channel_of(place)]).powi(2) / count;
    }
    let output = input.iter().enumerate().map(|(place, value)| {
        let channel = channel_of(place);
        let normal = (value - mean[channel]) / (variance[channel] + EPSILON).sqrt();
        let value = normal * f64::from(weight[channel]) + f64::from(bias[channel]);
        match activation {
            Activation::Identity => value,
            Activation::Relu => value.max(0.0),
            Activation::Relu6 => value.clamp(0.0, 6.0),
        }
    });
    (output.collect(), mean, variance)
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn check(shape: ChannelShape, activation: Activation) {
    let input: Vec<f32> = values(shape.length(), 1)
        .iter()
        .map(|v| v * 2.0 + 0.5)
        .collect();
    let (weight, bias) = (values(shape.channels, 2), values(shape.channels, 3));
    let affine = Affine {
        weight: &weight,
        bias: &bias,
        epsilon: EPSILON,
    };
    let wide = widen(&input);
    let (expected, mean, variance) = definition(&shape, &wide, &weight, &bias, activation);
    let mut output = vec![f32::NAN; input.len()];
    let statistics = batch_norm2d::train(&shape, &input, affine, activation, &mut output).unwrap();
    // Few values of one channel can lie close together, and the deviation magnifies their rounding.
    let least = variance.iter().copied().fold(1.0, f64::min);
    let scale = 4.0 / (least + EPSILON).sqrt();
    assert_sums("output", &output, &expected, 4, scale);
    assert_sums("mean", &statistics.mean, &mean, 4, 3.0);
    assert_sums("variance", &statistics.variance, &variance, 4, 3.0);

    let mut evaluated = vec![f32::NAN; input.len()];
    batch_norm2d::evaluate(
        &shape,
        &input,
        affine,
        &statistics,
        activation,
        &mut evaluated,
    )
    .unwrap();
    assert_eq!(bits(&evaluated), bits(&output));

    // Σ output · slope, differentiated by finite differences of the definition.
    let slopes = values(input.len(), 4);
    let mut by_input = vec![f32::NAN; input.len()];
    let by_affine = batch_norm2d::gradient(
        &shape,
        &input,
        affine,
        &statistics,
        activation,
        &slopes,
        &mut by_input,
    )
    .unwrap();
    let total = |input: &[f64], weight: &[f32], bias: &[f32]| -> f64 {
        let (output, ..) = definition(&shape, input, weight, bias, activation);
        output
            .iter()
            .zip(&slopes)
            .map(|(o, s)| o * f64::from(*s))
            .sum()
    };
    let step = 1e-6;
    // A corner of the rectifier within the step has no slope to compare with.
    let is_smooth = expected
        .iter()
        .all(|value| *value == 0.0 || *value == 6.0 || (*value > 1e-3 && *value < 5.99));
    if activation != Activation::Identity && !is_smooth || least < 1e-3 {
        return;
    }
    let bound = 1e-3 / least;
    for place in (0..input.len()).step_by(input.len().div_ceil(7).max(1)) {
        let moved = |by: f64| {
            let mut wide = wide.clone();
            wide[place] += by;
            total(&wide, &weight, &bias)
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * step);
        let actual = f64::from(by_input[place]);
        assert!(
            (actual - slope).abs() < bound,
            "input {place}: {actual} {slope}"
        );
    }
    for channel in 0..shape.channels {
        let moved = |by: f32| {
            let (mut weight, mut bias) = (weight.clone(), bias.clone());
            weight[channel] += by;
            let by_weight = total(&wide, &weight, &bias);
            weight[channel] -= by;
            bias[channel] += by;
            [by_weight, total(&wide, &weight, &bias)]
        };
        let (up, down) = (moved(1e-3), moved(-1e-3));
        let slopes = [(up[0] - down[0]) / 2e-3, (up[1] - down[1]) / 2e-3];
        let actual = [by_affine.weight[channel], by_affine.bias[channel]].map(f64::from);
        for (actual, slope) in actual.iter().zip(slopes) {
            let bound = 1e-2 * slope.abs().max(1.0) / least.sqrt();
            if activation == Activation::Identity {
                assert!(
                    (actual - slope).abs() < bound,
                    "channel {channel}: {actual} {slope}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(batch in 1_usize..6, channels in 1_usize..7, pixels in 1_usize..70, kind in 0..3) {
        let activation = match kind {
            0 => Activation::Identity,
            1 => Activation::Relu,
            _ => Activation::Relu6,
        };
        check(ChannelShape { batch, channels, pixels }, activation);
    }
}

#[test]
fn a_folded_normalization_is_scale_and_bias() {
    let (weight, bias) = (values(5, 1), values(5, 2));
    let statistics = Statistics {
        mean: values(5, 3),
        variance: values(5, 4).iter().map(|value| value.abs()).collect(),
    };
    let affine = Affine {
        weight: &weight,
        bias: &bias,
        epsilon: EPSILON,
    };
    let summand = values(5, 5);
    let [scale, shift] = affine.fold(&statistics, Some(&summand)).unwrap();
    let shape = ChannelShape {
        batch: 1,
        channels: 5,
        pixels: 1,
    };
    let input = values(5, 6);
    let moved: Vec<f32> = input.iter().zip(&summand).map(|(x, s)| x + s).collect();
    let mut output = vec![0.0; 5];
    let identity = Activation::Identity;
    batch_norm2d::evaluate(&shape, &moved, affine, &statistics, identity, &mut output).unwrap();
    for channel in 0..5 {
        let folded = input[channel] * scale[channel] + shift[channel];
        let bound = 1e-4 * (1.0 + scale[channel].abs());
        assert!(
            (folded - output[channel]).abs() < bound,
            "{folded} {}",
            output[channel]
        );
    }
}

#[test]
fn empty_and_wrong_shapes_are_no_panics() {
    let affine = Affine {
        weight: &[1.0, 1.0],
        bias: &[0.0, 0.0],
        epsilon: EPSILON,
    };
    for (batch, pixels) in [(0, 4), (3, 0)] {
        let shape = ChannelShape {
            batch,
            channels: 2,
            pixels,
        };
        let identity = Activation::Identity;
        let statistics = batch_norm2d::train(&shape, &[], affine, identity, &mut []).unwrap();
        assert!(statistics.mean.iter().all(|mean| mean.is_nan()));
        batch_norm2d::evaluate(&shape, &[], affine, &statistics, identity, &mut []).unwrap();
    }
    let shape = ChannelShape {
        batch: 1,
        channels: 3,
        pixels: 1,
    };
    let result = batch_norm2d::train(&shape, &[0.0; 3], affine, Activation::Relu, &mut [0.0; 3]);
    assert!(result.is_err());
}

#[test]
fn a_nan_stays_in_its_channel_and_a_hundred_runs_give_the_same_bits() {
    let shape = ChannelShape {
        batch: 4,
        channels: 3,
        pixels: 3000,
    };
    let mut input = values(shape.length(), 1);
    let (weight, bias) = (values(3, 2), values(3, 3));
    let affine = Affine {
        weight: &weight,
        bias: &bias,
        epsilon: EPSILON,
    };
    let run = |input: &[f32]| {
        let mut output = vec![0.0; input.len()];
        let relu = Activation::Relu;
        let statistics = batch_norm2d::train(&shape, input, affine, relu, &mut output).unwrap();
        let mut gradient = vec![0.0; input.len()];
        batch_norm2d::gradient(
            &shape,
            input,
            affine,
            &statistics,
            relu,
            &output,
            &mut gradient,
        )
        .unwrap();
        (bits(&output), bits(&gradient))
    };
    let first = run(&input);
    for _ in 0..100 {
        assert!(run(&input) == first);
    }
    input[3000] = f32::NAN;
    let (output, _) = run(&input);
    for (place, bits) in output.iter().enumerate() {
        assert_eq!(
            f32::from_bits(*bits).is_nan(),
            place / 3000 % 3 == 1,
            "{place}"
        );
    }
}
