//! Every operation with kernels against burn's own, with gradients, over generated shapes.

use std::sync::{Mutex, PoisonError};

use burn::tensor::Tensor;
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use proptest::prelude::*;

use super::*;
use crate::{cpu_device, tensor_from_burn, tensor_to_burn};

/// The switch is the process's.
static SWITCH: Mutex<()> = Mutex::new(());

/// Values without order.
#[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|place| {
            let x = (place + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(seed.wrapping_mul(0xd1b5_4a32_d192_ed03));
            let x = (x ^ (x >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (x >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// A tensor of autodiff with a gradient of its own.
pub(super) fn leaf<const D: usize>(shape: [usize; D], seed: usize) -> Tensor<D> {
    let values = values(shape.iter().product(), seed);
    let tensor = mofang_types::Tensor::new(shape.to_vec(), values).unwrap();
    tensor_to_burn(tensor, &cpu_device().autodiff())
        .unwrap()
        .require_grad()
}

pub(super) fn plain<const D: usize>(shape: [usize; D], seed: usize) -> Tensor<D> {
    leaf(shape, seed).without_autodiff()
}

pub(super) fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor_from_burn(tensor.without_autodiff())
        .unwrap()
        .into_data()
}

/// The output, and the gradients of `Σ output · slope` by the leaves.
pub(super) fn with_gradients<const D: usize>(
    output: &Tensor<D>,
    gradients: impl Fn(&burn::tensor::Gradients) -> Vec<Vec<f32>>,
) -> Vec<Vec<f32>> {
    let slope = plain(output.dims(), 99);
    let slope = Tensor::from_data(slope.into_data(), &output.device());
    let mut results = vec![read(output.clone())];
    results.extend(gradients(&(output.clone() * slope).sum().backward()));
    results
}

pub(super) fn by<const D: usize>(
    leaf: &Tensor<D>,
    gradients: &burn::tensor::Gradients,
) -> Vec<f32> {
    read(leaf.grad(gradients).unwrap())
}

/// Runs with and without kernels, and compares.
#[track_caller]
pub(super) fn assert_same(tolerance: f32, run: impl Fn() -> Vec<Vec<f32>>) {
    let _only = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    Kernels::Off.set();
    let expected = run();
    Kernels::On.set();
    let actual = run();
    assert_eq!(actual.len(), expected.len());
    for (number, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        assert_eq!(actual.len(), expected.len(), "result {number}");
        for (place, (actual, expected)) in actual.iter().zip(expected).enumerate() {
            let bound = tolerance * expected.abs().max(1.0);
            assert!(
                (actual - expected).abs() <= bound || actual.is_nan() && expected.is_nan(),
                "result {number} at {place}: {actual} is not {expected}"
            );
        }
    }
}

fn weights(weight: Tensor<4>, bias: Option<Tensor<1>>, options: ConvOptions<2>) -> Weights {
    Weights {
        weight,
        bias,
        options,
        prepared: Prepared::default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions(
        batch in 1_usize..4,
        groups in 1_usize..4,
        group_in in 1_usize..4,
        group_out in 1_usize..6,
        size in [4_usize..9, 4_usize..18],
        kernel in [1_usize..4, 1_usize..4],
        stride in [1_usize..4, 1_usize..4],
        padding in [0_usize..3, 0_usize..3],
        has_bias in any::<bool>(),
    ) {
        let input = [batch, groups * group_in, size[0], size[1]];
        let shape = [groups * group_out, group_in, kernel[0], kernel[1]];
        assert_same(1e-4, || {
            let (x, w) = (leaf(input, 1), leaf(shape, 2));
            let b = has_bias.then(|| leaf([shape[0]], 3));
            let options = ConvOptions::new(stride, padding, [1, 1], groups);
            let y = conv2d(x.clone(), weights(w.clone(), b.clone(), options));
            with_gradients(&y, |gradients| {
                let mut all = vec![by(&x, gradients), by(&w, gradients)];
                all.extend(b.as_ref().map(|b| by(b, gradients)));
                all
            })
        });
    }

    #[test]
    fn normalizations(batch in 2_usize..5, channels in 1_usize..5, size in [2_usize..6, 2_usize..6], is_relu in any::<bool>()) {
        let shape = [batch, channels, size[0], size[1]];
        // The gradient by the input is a difference of sums that nearly cancel.
        assert_same(2e-3, || {
            let (x, w, b) = (leaf(shape, 1), leaf([channels], 2), leaf([channels], 3));
            let norm = BatchNorm { weight: w.clone(), bias: b.clone(), epsilon: 1e-5 };
            let activation = if is_relu { Activation::Relu } else { Activation::Identity };
            let (y, [mean, variance]) = batch_norm2d_train(x.clone(), norm, activation);
            let mut results = with_gradients(&y, |gradients| {
                vec![by(&x, gradients), by(&w, gradients), by(&b, gradients)]
            });
            results.extend([read(mean), read(variance)]);
            results
        });
    }

    #[test]
    fn pools(planes in [1_usize..3, 1_usize..4], size in [3_usize..9, 3_usize..9], kernel in 1_usize..4, stride in 1_usize..4, ceil in any::<bool>(), counts in any::<bool>()) {
        let shape = [planes[0], planes[1], size[0], size[1]];
        let window = crate::layers::Pooling {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [kernel / 2; 2],
            ceil_mode: ceil,
            count_include_pad: counts,
        };
        assert_same(1e-5, || {
            let x = leaf(shape, 1);
            let max = MaxPoolOptions::new(window.kernel)
                .with_stride(window.stride)
                .with_padding(window.padding)
                .with_ceil_mode(ceil);
            let average = AvgPoolOptions::new(window.kernel)
                .with_stride(window.stride)
                .with_padding(window.padding)
                .with_ceil_mode(ceil)
                .with_count_include_pad(counts);
            let output = window.output(&x);
            let mut all = Vec::new();
            for y in [
                max_pool2d(output, x.clone(), max.clone()),
                adaptive_avg_pool2d(x.clone(), [2, 3]),
                subsample(x.clone(), 2),
                activate(x.clone(), Activation::Relu),
                add(x.clone(), x.clone(), Activation::Relu),
                avg_pool2d(output, x.clone(), average.clone()),
            ] {
                all.extend(with_gradients(&y, |gradients| vec![by(&x, gradients)]));
            }
            all
        });
    }

    #[test]
    fn linear_layers(batch in 1_usize..20, features_in in 1_usize..40, features_out in 1_usize..40, has_bias in any::<bool>()) {
        assert_same(1e-4, || {
            let (x, w) = (leaf([batch, features_in], 1), leaf([features_out, features_in], 2));
            let b = has_bias.then(|| leaf([features_out], 3));
            let y = linear(x.clone(), w.clone(), b.clone());
            with_gradients(&y, |gradients| {
                let mut all = vec![by(&x, gradients), by(&w, gradients)];
                all.extend(b.as_ref().map(|b| by(b, gradients)));
                all
            })
        });
    }
}

#[test]
fn an_evaluation_is_one_operation_with_and_without_autodiff() {
    for is_plain in [true, false] {
        assert_same(1e-4, || {
            let tensor = |shape: [usize; 4], seed| {
                if is_plain {
                    plain(shape, seed)
                } else {
                    leaf(shape, seed)
                }
            };
            let vector = |seed| {
                if is_plain {
                    plain([8], seed)
                } else {
                    leaf([8], seed)
                }
            };
            let options = ConvOptions::new([1, 2], [1, 1], [1, 1], 1);
            let convolution = weights(tensor([8, 3, 3, 3], 2), Some(vector(3)), options);
            let variance = vector(7) * vector(7);
            let evaluate = |norm: bool, activation| {
                let norm = norm.then(|| {
                    let affine = BatchNorm {
                        weight: vector(4),
                        bias: vector(5),
                        epsilon: 1e-5,
                    };
                    (affine, [vector(6), variance.clone()])
                });
                // Twice: the second time with the weights of the first.
                let once = conv2d_normalized(
                    tensor([2, 3, 9, 7], 1),
                    convolution.clone(),
                    norm.clone(),
                    activation,
                );
                let again = conv2d_normalized(
                    tensor([2, 3, 9, 7], 1),
                    convolution.clone(),
                    norm,
                    activation,
                );
                assert_eq!(read(once.clone()), read(again));
                read(once)
            };
            vec![
                evaluate(true, Activation::Relu6),
                evaluate(false, Activation::Relu),
            ]
        });
    }
}

#[test]
fn a_block_with_a_way_around_it() {
    for activation in [Activation::Identity, Activation::Relu] {
        assert_same(1e-4, || {
            let (x, w) = (leaf([2, 3, 6, 5], 1), leaf([3, 3, 3, 3], 2));
            let body = |input: Tensor<4>| {
                let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
                conv2d(input, weights(w.clone(), None, options))
            };
            // Two blocks: the gradient of the second goes on through both ways of the first.
            let block = |input: Tensor<4>| {
                if can_fork(&input) {
                    around(input, activation, body)
                } else {
                    add(body(input.clone()), input, activation)
                }
            };
            let y = block(block(x.clone()));
            with_gradients(&y, |gradients| vec![by(&x, gradients), by(&w, gradients)])
        });
    }
}

#[test]
fn tensors_that_do_not_lie_in_rows_are_taken() {
    assert_same(1e-4, || {
        let x = leaf([2, 7, 9, 3], 1);
        let turned = x.clone().swap_dims(1, 3);
        let w = leaf([4, 3, 3, 3], 2);
        let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        let y = conv2d(turned.clone(), weights(w.clone(), None, options));
        let y = add(
            activate(y.clone(), Activation::Relu).swap_dims(2, 3),
            y.swap_dims(2, 3),
            Activation::Identity,
        );
        with_gradients(&y, |gradients| vec![by(&x, gradients), by(&w, gradients)])
    });
}

#[test]
fn weights_that_change_are_prepared_anew() {
    let _only = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    let options = || ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
    let mut layer = weights(plain([4, 3, 3, 3], 1), None, options());
    let run = |layer: &Weights| {
        let input = plain([1, 3, 5, 5], 2);
        read(conv2d_normalized(
            input,
            layer.clone(),
            None,
            Activation::Identity,
        ))
    };
    let first = run(&layer);
    layer.weight = plain([4, 3, 3, 3], 3);
    let second = run(&layer);
    layer.prepared = Prepared::default();
    assert_eq!(run(&layer), second);
    assert_ne!(first, second);
}

#[test]
fn kernels_are_reached_with_and_without_autodiff_and_can_be_switched_off() {
    let _only = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    let tensors = [leaf([2, 3], 1), plain([2, 3], 1)];
    for kernels in [Kernels::Off, Kernels::On] {
        kernels.set();
        for tensor in &tensors {
            assert_eq!(native::native(tensor).is_some(), kernels == Kernels::On);
        }
    }
}

#[test]
fn the_switch_is_read_from_text() {
    assert_eq!("on".parse(), Ok(Kernels::On));
    assert_eq!("off".parse(), Ok(Kernels::Off));
    assert!("no".parse::<Kernels>().is_err());
}
