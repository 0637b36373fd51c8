//! Activations against PyTorch's numbers and their slopes against finite differences.

use mofang_kernels::Nonlinearity::{self, Gelu, GeluTanh, Relu, Sigmoid, Silu, Tanh};
use mofang_kernels::geometry::RowShape;
use mofang_kernels::nonlinearity::{self, gated, gated_gradient, swiglu, swiglu_gradient};

use crate::support::{assert_slope, assert_sums, bits, values, widen};

/// Of double precision, but for GELU, whose error function is an integral of its density here.
fn definition(nonlinearity: Nonlinearity, x: f64) -> f64 {
    match nonlinearity {
        Gelu => {
            // Simpson's rule over the density from 0 to x.
            let steps = 2000;
            let width = x / f64::from(steps);
            let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let sum: f64 = (0..steps)
                .map(|i| {
                    let t = f64::from(i) * width;
                    density(t) + 4.0 * density(t + width / 2.0) + density(t + width)
                })
                .sum();
            x * (0.5 + sum * width / 6.0)
        }
        GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            x / 2.0 * (1.0 + inner.tanh())
        }
        Relu => x.max(0.0),
        Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Silu => x / (1.0 + (-x).exp()),
        Tanh => x.tanh(),
    }
}

const ALL: [Nonlinearity; 6] = [Gelu, GeluTanh, Relu, Sigmoid, Silu, Tanh];

#[test]
fn values_and_slopes_are_those_of_the_definition() {
    for (nonlinearity, length) in ALL
        .into_iter()
        .flat_map(|one| [(one, 0), (one, 1), (one, 333)])
    {
        let input: Vec<f32> = values(length, 1).iter().map(|x| x * 8.0).collect();
        let wide = widen(&input);
        let expected: Vec<f64> = wide.iter().map(|x| definition(nonlinearity, *x)).collect();
        let mut output = vec![f32::NAN; length];
        nonlinearity::forward(nonlinearity, &input, &mut output).unwrap();
        assert_sums("output", &output, &expected, 1, 1.0);
        let slopes = values(length, 2);
        let mut gradient = vec![f32::NAN; length];
        nonlinearity::gradient(nonlinearity, &input, &slopes, &mut gradient).unwrap();
        assert_slope("input", &gradient, &wide, 1e-6, |x| {
            let outputs = x.iter().map(|x| definition(nonlinearity, *x));
            outputs.zip(&slopes).map(|(y, s)| y * f64::from(*s)).sum()
        });
    }
}

#[test]
fn the_gated_unit_and_its_slopes() {
    for length in [0, 1, 17, 100] {
        let (gate, up, slopes) = (values(length, 1), values(length, 2), values(length, 3));
        let (g, u) = (widen(&gate), widen(&up));
        let both = |g: &[f64], u: &[f64]| -> Vec<f64> {
            g.iter()
                .zip(u)
                .map(|(g, u)| definition(Silu, *g) * u)
                .collect()
        };
        let mut output = vec![f32::NAN; length];
        swiglu(&gate, &up, &mut output).unwrap();
        assert_sums("output", &output, &both(&g, &u), 1, 1.0);
        let (mut by_gate, mut by_up) = (vec![f32::NAN; length], vec![f32::NAN; length]);
        swiglu_gradient(&gate, &up, &slopes, &mut by_gate, &mut by_up).unwrap();
        let total = |output: Vec<f64>| -> f64 {
            output
                .iter()
                .zip(&slopes)
                .map(|(y, s)| y * f64::from(*s))
                .sum()
        };
        assert_slope("gate", &by_gate, &g, 1e-6, |g| total(both(g, &u)));
        assert_slope("linear half", &by_up, &u, 1e-6, |u| total(both(&g, u)));
    }
}

#[test]
fn the_gated_units_of_halves_of_rows_and_their_slopes() {
    for ((rows, features), nonlinearity) in [(0, 3), (3, 0), (1, 1), (5, 17), (70, 60)]
        .into_iter()
        .flat_map(|shape| [(shape, Relu), (shape, Gelu)])
    {
        let shape = RowShape { rows, features };
        let length = shape.length();
        let (input, slopes) = (values(2 * length, 1), values(length, 2));
        let of = |input: &[f64]| -> Vec<f64> {
            let row = |row: &[f64]| -> Vec<f64> {
                let (a, b) = row.split_at(features);
                a.iter()
                    .zip(b)
                    .map(|(a, b)| a * definition(nonlinearity, *b))
                    .collect()
            };
            input
                .chunks_exact((2 * features).max(1))
                .flat_map(row)
                .collect()
        };
        let wide = widen(&input);
        let mut output = vec![f32::NAN; length];
        gated(nonlinearity, &shape, &input, &mut output).unwrap();
        assert_sums("output", &output, &of(&wide), 1, 1.0);
        let mut gradient = vec![f32::NAN; 2 * length];
        gated_gradient(nonlinearity, &shape, &input, &slopes, &mut gradient).unwrap();
        // An integral is too slow for each of thousands of values.
        if length < 100 {
            assert_slope("input", &gradient, &wide, 1e-6, |input| {
                let outputs = of(input);
                let pairs = outputs.iter().zip(&slopes);
                pairs.map(|(y, s)| y * f64::from(*s)).sum()
            });
        }
    }
}

#[test]
fn nan_and_infinity_go_where_the_formula_takes_them() {
    let input = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    for nonlinearity in ALL {
        let mut output = [0.0; 3];
        nonlinearity::forward(nonlinearity, &input, &mut output).unwrap();
        assert!(output[0].is_nan(), "{nonlinearity:?}");
        let expected = if matches!(nonlinearity, Sigmoid | Tanh) {
            1.0
        } else {
            f32::INFINITY
        };
        assert_eq!(output[1], expected, "{nonlinearity:?}");
        nonlinearity::gradient(nonlinearity, &[0.5], &[f32::NAN], &mut output[..1]).unwrap();
        assert!(output[0].is_nan(), "{nonlinearity:?}");
    }
}

#[test]
fn a_hundred_runs_give_the_same_bits_and_wrong_lengths_are_errors() {
    let (input, slopes) = (values(20_000, 1), values(20_000, 2));
    for nonlinearity in ALL {
        let run = || {
            let mut output = vec![f32::NAN; input.len()];
            nonlinearity::gradient(nonlinearity, &input, &slopes, &mut output).unwrap();
            bits(&output)
        };
        let first = run();
        for _ in 0..100 {
            assert!(run() == first);
        }
    }
    assert!(nonlinearity::forward(Gelu, &input, &mut [0.0; 3]).is_err());
    assert!(swiglu(&input, &slopes, &mut [0.0; 3]).is_err());
    let shape = RowShape {
        rows: 2,
        features: 3,
    };
    assert!(gated(Relu, &shape, &[0.0; 11], &mut [0.0; 6]).is_err());
    assert!(gated(Relu, &shape, &[0.0; 12], &mut [0.0; 5]).is_err());
    assert!(gated_gradient(Relu, &shape, &[0.0; 12], &[0.0; 6], &mut [0.0; 6]).is_err());
}
