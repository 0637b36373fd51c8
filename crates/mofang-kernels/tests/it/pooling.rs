//! Pooling, areas and subsampling against their definitions.

use mofang_kernels::geometry::{AreaGeometry, PoolGeometry, SubsampleShape};
use mofang_kernels::pooling::{self, Divisor};
use mofang_kernels::subsample;
use proptest::prelude::*;

use crate::support::{assert_sums, values};

#[derive(Debug, Clone, Copy)]
struct Case {
    planes: usize,
    size: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    ceil: bool,
}

impl Case {
    /// `[height, width]` of the output, by PyTorch's rule.
    fn output(&self) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let room = self.size[axis] + 2 * self.padding[axis];
            let room = room.checked_sub(self.kernel[axis])?;
            let floor = room / self.stride[axis] + 1;
            let more = self.ceil
                && !room.is_multiple_of(self.stride[axis])
                && floor * self.stride[axis] < self.size[axis] + self.padding[axis];
            Some(floor + usize::from(more))
        };
        Some([along(0)?, along(1)?])
    }

    fn geometry(&self) -> Option<PoolGeometry> {
        if (0..2).any(|axis| self.padding[axis] > self.kernel[axis] / 2) {
            return None;
        }
        PoolGeometry::new(
            self.planes,
            self.size,
            self.kernel,
            self.stride,
            self.padding,
            self.output()?,
        )
        .ok()
    }

    /// For each window its place, the places of its values in order, and the number of its padded pixels.
    fn windows(&self, mut each: impl FnMut(usize, &[usize], usize)) {
        let [rows, columns] = self.output().unwrap();
        for plane in 0..self.planes {
            for y in 0..rows {
                for x in 0..columns {
                    let mut places = Vec::new();
                    let mut padded = 0;
                    for i in 0..self.kernel[0] {
                        for j in 0..self.kernel[1] {
                            let place = [y * self.stride[0] + i, x * self.stride[1] + j];
                            let within = |axis: usize| {
                                place[axis] < self.size[axis] + 2 * self.padding[axis]
                            };
                            padded += usize::from(within(0) && within(1));
                            let inside = |axis: usize| {
                                place[axis]
                                    .checked_sub(self.padding[axis])
                                    .filter(|place| *place < self.size[axis])
                            };
                            if let (Some(row), Some(column)) = (inside(0), inside(1)) {
                                places.push((plane * self.size[0] + row) * self.size[1] + column);
                            }
                        }
                    }
                    each((plane * rows + y) * columns + x, &places, padded);
                }
            }
        }
    }

    fn check(&self) {
        let Some(geometry) = self.geometry() else {
            return;
        };
        let mut input = values(geometry.input_length(), 1);
        // Equal values: the first counts.
        for value in &mut input {
            *value = (*value * 4.0).round() / 4.0;
        }
        let slopes = values(geometry.output_length(), 2);
        let mut largest = vec![0.0; slopes.len()];
        let mut by_largest = vec![0.0; input.len()];
        self.windows(|output, places, _| {
            let best = places
                .iter()
                .copied()
                .reduce(|best, place| {
                    if input[place] > input[best] {
                        place
                    } else {
                        best
                    }
                })
                .unwrap();
            largest[output] = f64::from(input[best]);
            by_largest[best] += f64::from(slopes[output]);
        });
        let mut actual = vec![f32::NAN; slopes.len()];
        let taps = pooling::max(&geometry, &input, &mut actual).unwrap();
        assert_sums("maximum", &actual, &largest, 1, 1.0);
        let mut actual = vec![f32::NAN; input.len()];
        pooling::max_gradient(&geometry, &taps, &slopes, &mut actual).unwrap();
        assert_sums("gradient of the maximum", &actual, &by_largest, 30, 1.0);
        for divisor in [Divisor::WithPadding, Divisor::WithoutPadding] {
            let mut mean = vec![0.0; slopes.len()];
            let mut by_mean = vec![0.0; input.len()];
            self.windows(|output, places, padded| {
                let count = match divisor {
                    Divisor::WithPadding => padded,
                    Divisor::WithoutPadding => places.len(),
                };
                for place in places {
                    mean[output] += f64::from(input[*place]) / count as f64;
                    by_mean[*place] += f64::from(slopes[output]) / count as f64;
                }
            });
            let mut actual = vec![f32::NAN; slopes.len()];
            pooling::average(&geometry, divisor, &input, &mut actual).unwrap();
            assert_sums("mean", &actual, &mean, 30, 1.0);
            let mut actual = vec![f32::NAN; input.len()];
            pooling::average_gradient(&geometry, divisor, &slopes, &mut actual).unwrap();
            assert_sums("gradient of the mean", &actual, &by_mean, 30, 1.0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_windows(
        planes in 1_usize..4,
        size in [1_usize..12, 1_usize..40],
        kernel in [1_usize..5, 1_usize..5],
        stride in [1_usize..5, 1_usize..5],
        padding in [0_usize..3, 0_usize..3],
        ceil in any::<bool>(),
    ) {
        Case { planes, size, kernel, stride, padding, ceil }.check();
        Case { planes, size, kernel: [2; 2], stride: [2; 2], padding: [0; 2], ceil }.check();
    }

    #[test]
    fn any_areas(planes in 1_usize..4, size in [1_usize..12, 1_usize..12], areas in [1_usize..6, 1_usize..6]) {
        let geometry = AreaGeometry { planes, size, areas };
        let input = values(planes * size[0] * size[1], 1);
        let slopes = values(planes * areas[0] * areas[1], 2);
        let mut output = vec![0.0; slopes.len()];
        let mut by_input = vec![0.0; input.len()];
        for place in 0..output.len() {
            let plane = place / (areas[0] * areas[1]);
            let [y, x] = [place / areas[1] % areas[0], place % areas[1]];
            let range = |axis: usize, n: usize| n * size[axis] / areas[axis]..((n + 1) * size[axis]).div_ceil(areas[axis]);
            let count = (range(0, y).len() * range(1, x).len()) as f64;
            for row in range(0, y) {
                for column in range(1, x) {
                    let from = (plane * size[0] + row) * size[1] + column;
                    output[place] += f64::from(input[from]) / count;
                    by_input[from] += f64::from(slopes[place]) / count;
                }
            }
        }
        let mut actual = vec![f32::NAN; output.len()];
        pooling::area_average(&geometry, &input, &mut actual).unwrap();
        assert_sums("mean", &actual, &output, 144, 1.0);
        let mut actual = vec![f32::NAN; input.len()];
        pooling::area_average_gradient(&geometry, &slopes, &mut actual).unwrap();
        assert_sums("gradient", &actual, &by_input, 36, 1.0);
    }

    #[test]
    fn any_subsampling(batch in 1_usize..4, channels in 1_usize..4, size in [1_usize..9, 1_usize..9], padding in 0_usize..3) {
        let shape = SubsampleShape { batch, channels, size, padding };
        let [_, channels_out, rows, columns] = shape.output();
        let input = values(batch * channels * size[0] * size[1], 1);
        let mut output = vec![0.0; batch * channels_out * rows * columns];
        for (place, value) in input.iter().enumerate() {
            let (y, x) = (place / size[1] % size[0], place % size[1]);
            let plane = place / (size[0] * size[1]);
            if y % 2 == 0 && x % 2 == 0 {
                let plane = plane / channels * channels_out + padding + plane % channels;
                output[(plane * rows + y / 2) * columns + x / 2] = *value;
            }
        }
        let mut actual = vec![f32::NAN; output.len()];
        subsample::forward(&shape, &input, &mut actual).unwrap();
        prop_assert_eq!(&actual, &output);
        // The gradient is the adjoint: <output, S x> = <Sᵀ output, x>.
        let slopes = values(output.len(), 2);
        let mut gradient = vec![f32::NAN; input.len()];
        subsample::gradient(&shape, &slopes, &mut gradient).unwrap();
        let inner = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        prop_assert!((inner(&slopes, &output) - inner(&gradient, &input)).abs() < 1e-9);
    }
}

#[test]
fn a_nan_is_the_largest_and_impossible_windows_are_errors() {
    let case =
        |size, kernel, stride, padding| PoolGeometry::new(1, size, kernel, stride, padding, [1, 1]);
    for place in 0..4 {
        let mut input = [1.0, 2.0, 3.0, 4.0];
        input[place] = f32::NAN;
        for (stride, padding) in [([2, 2], [0, 0]), ([3, 3], [0, 0])] {
            let geometry = case([2, 2], [2, 2], stride, padding).unwrap();
            let mut output = [0.0];
            let taps = pooling::max(&geometry, &input, &mut output).unwrap();
            assert!(output[0].is_nan());
            assert_eq!(usize::from(taps[0]), place);
        }
    }
    assert!(case([2, 2], [0, 2], [1, 1], [0, 0]).is_err());
    assert!(case([2, 2], [2, 2], [1, 1], [2, 0]).is_err());
    assert!(case([2, 2], [17, 17], [1, 1], [8, 8]).is_err());
    assert!(case([0, 2], [1, 1], [1, 1], [0, 0]).is_err());
}
