//! Convolution against its definition.

use mofang_kernels::conv2d::{self, Epilogue};
use mofang_kernels::geometry::{Conv2dGeometry, Conv2dWindows};
use mofang_kernels::{Activation, KernelError};
use proptest::prelude::*;

use crate::support::{assert_sums, bits, values};

#[derive(Debug, Clone, Copy)]
struct Case {
    input: [usize; 4],
    weight: [usize; 4],
    windows: Conv2dWindows,
}

impl Case {
    fn geometry(&self) -> Conv2dGeometry {
        Conv2dGeometry::new(self.input, self.weight, self.windows).unwrap()
    }

    /// Calls `each` with the places in output, input and weight of every product of the definition.
    fn products(&self, mut each: impl FnMut(usize, usize, usize)) {
        let [batch, channels_in, height, width] = self.input;
        let [channels_out, group_in, kernel_height, kernel_width] = self.weight;
        let [output_height, output_width] = self.geometry().output();
        let Conv2dWindows {
            stride,
            padding,
            dilation,
            groups,
        } = self.windows;
        let group_out = channels_out / groups;
        for n in 0..batch {
            for o in 0..channels_out {
                for y in 0..output_height {
                    for x in 0..output_width {
                        let output =
                            ((n * channels_out + o) * output_height + y) * output_width + x;
                        for c in 0..group_in {
                            for i in 0..kernel_height {
                                for j in 0..kernel_width {
                                    let row = (y * stride[0] + i * dilation[0])
                                        .checked_sub(padding[0])
                                        .filter(|row| *row < height);
                                    let column = (x * stride[1] + j * dilation[1])
                                        .checked_sub(padding[1])
                                        .filter(|column| *column < width);
                                    let (Some(row), Some(column)) = (row, column) else {
                                        continue;
                                    };
                                    let channel = o / group_out * group_in + c;
                                    let input = ((n * channels_in + channel) * height + row)
                                        * width
                                        + column;
                                    let weight =
                                        ((o * group_in + c) * kernel_height + i) * kernel_width + j;
                                    each(output, input, weight);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn check(&self) {
        let geometry = self.geometry();
        let input = values(geometry.input_length(), 1);
        let weight = values(geometry.weight_length(), 2);
        let bias = values(self.weight[0], 3);
        let scale = values(self.weight[0], 5);
        let slope = values(geometry.output_length(), 4);
        let pixels = geometry.output()[0] * geometry.output()[1];
        let mut output: Vec<f64> = (0..geometry.output_length())
            .map(|place| f64::from(bias[place / pixels % self.weight[0]]))
            .collect();
        let scale_of = |o: usize| f64::from(scale[o / pixels % self.weight[0]]);
        let mut by_input = vec![0.0; input.len()];
        let mut by_weight = vec![0.0; weight.len()];
        let mut by_bias = vec![0.0; bias.len()];
        self.products(|o, i, w| {
            output[o] += scale_of(o) * f64::from(input[i]) * f64::from(weight[w]);
            by_input[i] += f64::from(slope[o]) * f64::from(weight[w]);
            by_weight[w] += f64::from(slope[o]) * f64::from(input[i]);
        });
        for (place, slope) in slope.iter().enumerate() {
            by_bias[place / pixels % self.weight[0]] += f64::from(*slope);
        }
        let kernel = self.weight[2] * self.weight[3];
        let depth = self.weight[1] * kernel;

        let mut actual = vec![f32::NAN; output.len()];
        let run = |activation, actual: &mut [f32]| {
            let epilogue = Epilogue {
                scale: Some(&scale),
                bias: Some(&bias),
                activation,
            };
            conv2d::forward(&geometry, &input, &weight, epilogue, actual).unwrap();
        };
        run(Activation::Identity, &mut actual);
        assert_sums("output", &actual, &output, depth, 1.0);
        run(Activation::Relu6, &mut actual);
        let rectified: Vec<f64> = output.iter().map(|value| value.clamp(0.0, 6.0)).collect();
        assert_sums("rectified output", &actual, &rectified, depth, 1.0);

        let mut actual = vec![f32::NAN; input.len()];
        conv2d::input_gradient(&geometry, &weight, &slope, &mut actual).unwrap();
        let terms = self.weight[0] / self.windows.groups * kernel;
        assert_sums("gradient by the input", &actual, &by_input, terms, 1.0);

        let mut actual = vec![f32::NAN; weight.len()];
        conv2d::weight_gradient(&geometry, &input, &slope, &mut actual).unwrap();
        let terms = self.input[0] * pixels;
        assert_sums("gradient by the weight", &actual, &by_weight, terms, 1.0);

        let mut actual = vec![f32::NAN; bias.len()];
        conv2d::bias_gradient(&geometry, &slope, &mut actual).unwrap();
        assert_sums("gradient by the bias", &actual, &by_bias, terms, 1.0);
    }
}

fn same(input: [usize; 4], channels_out: usize, kernel: usize, stride: usize) -> Case {
    Case {
        input,
        weight: [channels_out, input[1], kernel, kernel],
        windows: Conv2dWindows {
            stride: [stride; 2],
            padding: [kernel / 2; 2],
            dilation: [1; 2],
            groups: 1,
        },
    }
}

#[test]
fn the_networks_convolutions() {
    for case in [
        same([9, 3, 32, 32], 16, 3, 1),
        same([8, 16, 32, 32], 16, 3, 1),
        same([2, 16, 32, 32], 32, 3, 2),
        same([10, 64, 8, 8], 64, 3, 1),
        same([1, 512, 7, 7], 128, 3, 1),
        same([1, 3, 64, 64], 64, 7, 2),
        same([3, 24, 14, 14], 144, 1, 1),
        same([1, 64, 14, 14], 128, 1, 2),
        same([130, 6, 14, 14], 16, 5, 1),
        same([20, 8, 3, 3], 5, 3, 1),
    ] {
        case.check();
    }
    for (size, stride) in [(112, 1), (112, 2), (7, 1), (14, 2)] {
        Case {
            input: [2, 5, size, size],
            weight: [5, 1, 3, 3],
            windows: Conv2dWindows {
                stride: [stride; 2],
                padding: [1; 2],
                dilation: [1; 2],
                groups: 5,
            },
        }
        .check();
    }
}

prop_compose! {
    fn cases()(
        batch in 1_usize..12,
        groups in 1_usize..4,
        group_in in 1_usize..6,
        group_out in 1_usize..20,
        size in [1_usize..13, 1_usize..21],
        kernel in [1_usize..5, 1_usize..5],
        stride in [1_usize..5, 1_usize..5],
        padding in [0_usize..4, 0_usize..4],
        dilation in [1_usize..4, 1_usize..4],
        is_depthwise in any::<bool>(),
    ) -> Case {
        let (group_in, group_out) = if is_depthwise { (1, 1) } else { (group_in, group_out) };
        Case {
            input: [batch, groups * group_in, size[0], size[1]],
            weight: [groups * group_out, group_in, kernel[0], kernel[1]],
            windows: Conv2dWindows { stride, padding, dilation, groups },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_convolution(case in cases()) {
        prop_assume!(Conv2dGeometry::new(case.input, case.weight, case.windows).is_ok());
        case.check();
    }
}

#[test]
fn empty_dimensions() {
    let windows = Conv2dWindows {
        stride: [1; 2],
        padding: [1; 2],
        dilation: [1; 2],
        groups: 1,
    };
    for (input, weight) in [
        ([0, 3, 5, 5], [4, 3, 3, 3]),
        ([2, 0, 5, 5], [4, 0, 3, 3]),
        ([2, 3, 5, 5], [0, 3, 3, 3]),
        ([2, 3, 2, 0], [4, 3, 2, 2]),
    ] {
        Case {
            input,
            weight,
            windows,
        }
        .check();
    }
}

#[test]
fn impossible_shapes_are_errors() {
    let windows = Conv2dWindows {
        stride: [1; 2],
        padding: [0; 2],
        dilation: [1; 2],
        groups: 1,
    };
    let new = |input, weight, windows| Conv2dGeometry::new(input, weight, windows);
    assert!(new([1, 3, 2, 2], [4, 3, 3, 3], windows).is_err());
    assert!(new([1, 3, 5, 5], [4, 2, 3, 3], windows).is_err());
    assert!(new([1, 3, 5, 5], [4, 3, 0, 3], windows).is_err());
    assert!(new([1, 3, usize::MAX, 5], [4, 3, 3, 3], windows).is_err());
    let stride = [0, 1];
    assert!(
        new(
            [1, 3, 5, 5],
            [4, 3, 3, 3],
            Conv2dWindows { stride, ..windows }
        )
        .is_err()
    );
    let padding = [usize::MAX / 2, 0];
    assert!(
        new(
            [1, 3, 5, 5],
            [4, 3, 3, 3],
            Conv2dWindows { padding, ..windows }
        )
        .is_err()
    );
    let geometry = new([1, 3, 5, 5], [4, 3, 3, 3], windows).unwrap();
    let result = conv2d::weight_gradient(&geometry, &[0.0; 75], &[0.0; 36], &mut [0.0; 107]);
    assert!(matches!(result, Err(KernelError::Length { .. })));
}

/// A NaN or infinity reaches what the definition says, and nothing else.
#[test]
fn not_numbers_go_where_the_formula_takes_them() {
    for (case, place) in [
        (same([9, 3, 7, 9], 5, 3, 1), 40),
        (same([1, 3, 7, 9], 5, 3, 2), 188),
        (
            Case {
                input: [2, 4, 7, 9],
                weight: [4, 1, 3, 3],
                windows: Conv2dWindows {
                    stride: [2; 2],
                    padding: [1; 2],
                    dilation: [1; 2],
                    groups: 4,
                },
            },
            188,
        ),
    ] {
        let geometry = case.geometry();
        let weight = values(geometry.weight_length(), 2);
        let slope = values(geometry.output_length(), 4);
        for wrong in [f32::NAN, f32::INFINITY] {
            let mut input = values(geometry.input_length(), 1);
            input[place] = wrong;
            let mut slopes = slope.clone();
            slopes[place % slope.len()] = wrong;
            let mut output = vec![0.0; slope.len()];
            let mut by_weight = vec![0.0; weight.len()];
            let mut by_input = vec![0.0; input.len()];
            case.products(|o, i, w| {
                output[o] += f64::from(input[i]) * f64::from(weight[w]);
                by_weight[w] += f64::from(slope[o]) * f64::from(input[i]);
                by_input[i] += f64::from(slopes[o]) * f64::from(weight[w]);
            });
            let mut actual = vec![0.0; output.len()];
            conv2d::forward(&geometry, &input, &weight, Epilogue::default(), &mut actual).unwrap();
            assert_sums("output", &actual, &output, 100, 1.0);
            let relu = Epilogue {
                activation: Activation::Relu,
                ..Epilogue::default()
            };
            conv2d::forward(&geometry, &input, &weight, relu, &mut actual).unwrap();
            let nans = |values: &[f64]| values.iter().filter(|value| value.is_nan()).count();
            let rectified = actual.iter().filter(|value| value.is_nan()).count();
            assert_eq!(rectified, nans(&output));
            let mut actual = vec![0.0; weight.len()];
            conv2d::weight_gradient(&geometry, &input, &slope, &mut actual).unwrap();
            assert_sums("gradient by the weight", &actual, &by_weight, 1000, 1.0);
            let mut actual = vec![0.0; input.len()];
            conv2d::input_gradient(&geometry, &weight, &slopes, &mut actual).unwrap();
            assert_sums("gradient by the input", &actual, &by_input, 100, 1.0);
        }
    }
}

/// All four results.
fn run(case: &Case) -> Vec<Vec<u32>> {
    let geometry = case.geometry();
    let input = values(geometry.input_length(), 1);
    let weight = values(geometry.weight_length(), 2);
    let slope = values(geometry.output_length(), 4);
    let mut output = vec![0.0; slope.len()];
    let mut by_input = vec![0.0; input.len()];
    let mut by_weight = vec![0.0; weight.len()];
    let mut by_bias = vec![0.0; case.weight[0]];
    conv2d::forward(&geometry, &input, &weight, Epilogue::default(), &mut output).unwrap();
    conv2d::input_gradient(&geometry, &weight, &slope, &mut by_input).unwrap();
    conv2d::weight_gradient(&geometry, &input, &slope, &mut by_weight).unwrap();
    conv2d::bias_gradient(&geometry, &slope, &mut by_bias).unwrap();
    [output, by_input, by_weight, by_bias]
        .map(|v| bits(&v))
        .to_vec()
}

#[test]
fn a_hundred_runs_and_any_number_of_threads_give_the_same_bits() {
    let cases = [
        same([16, 16, 32, 32], 16, 3, 1),
        same([2, 40, 14, 14], 40, 3, 2),
    ];
    for case in &cases {
        let first = run(case);
        for _ in 0..100 {
            assert!(run(case) == first);
        }
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert!(pool.install(|| run(case)) == first, "{threads} threads");
        }
    }
}
