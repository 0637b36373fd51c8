//! Least milliseconds and GFLOP/s of the networks' convolutions: `convolution_speed [ROUNDS [SHAPE]]`.
//! The least, because it is what the code can do when nothing else runs.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a program that measures"
)]

use std::time::Instant;

use mofang_kernels::KernelError;
use mofang_kernels::conv2d::{self, Epilogue};
use mofang_kernels::geometry::{Conv2dGeometry, Conv2dWindows};

/// Input, channels out, kernel, stride, padding, groups.
type Shape = ([usize; 4], usize, usize, usize, usize, usize);

const SHAPES: &[Shape] = &[
    ([64, 3, 32, 32], 16, 3, 1, 1, 1),
    ([64, 16, 32, 32], 16, 3, 1, 1, 1),
    ([64, 16, 32, 32], 32, 3, 2, 1, 1),
    ([64, 32, 16, 16], 32, 3, 1, 1, 1),
    ([64, 64, 8, 8], 64, 3, 1, 1, 1),
    ([128, 1, 28, 28], 6, 5, 1, 2, 1),
    ([128, 6, 14, 14], 16, 5, 1, 0, 1),
    ([128, 1, 28, 28], 32, 3, 1, 1, 1),
    ([128, 32, 14, 14], 64, 3, 1, 1, 1),
    ([128, 64, 7, 7], 128, 3, 1, 1, 1),
    ([1, 3, 224, 224], 64, 7, 2, 3, 1),
    ([1, 64, 56, 56], 64, 3, 1, 1, 1),
    ([1, 512, 7, 7], 512, 3, 1, 1, 1),
    ([1, 96, 112, 112], 24, 1, 1, 0, 1),
    ([1, 24, 56, 56], 144, 1, 1, 0, 1),
    ([1, 160, 7, 7], 960, 1, 1, 0, 1),
    ([1, 144, 56, 56], 144, 3, 1, 1, 144),
    ([1, 96, 112, 112], 96, 3, 2, 1, 96),
    ([1, 960, 7, 7], 960, 3, 1, 1, 960),
];

fn least(
    rounds: usize,
    mut work: impl FnMut() -> Result<(), KernelError>,
) -> Result<f64, KernelError> {
    let mut times = Vec::new();
    for _ in 0..=rounds {
        let began = Instant::now();
        work()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.remove(0);
    times.sort_by(f64::total_cmp);
    Ok(times[0])
}

fn main() -> Result<(), KernelError> {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let rounds = rounds.unwrap_or(30);
    println!("forward, gradient by input, by weight: ms (GFLOP/s)");
    let only: Option<usize> = std::env::args().nth(2).and_then(|text| text.parse().ok());
    for (place, shape) in SHAPES.iter().enumerate() {
        if only.is_some_and(|only| only != place) {
            continue;
        }
        let (input, channels_out, kernel, stride, padding, groups) = shape;
        let windows = Conv2dWindows {
            stride: [*stride; 2],
            padding: [*padding; 2],
            dilation: [1; 2],
            groups: *groups,
        };
        let weight = [*channels_out, input[1] / groups, *kernel, *kernel];
        let geometry = Conv2dGeometry::new(*input, weight, windows)?;
        let values = |count: usize| (0..count).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect();
        let x: Vec<f32> = values(geometry.input_length());
        let w: Vec<f32> = values(geometry.weight_length());
        let g: Vec<f32> = values(geometry.output_length());
        let (mut y, mut dx, mut dw) = (g.clone(), x.clone(), w.clone());
        let products = geometry.output_length() * weight[1] * kernel * kernel;
        let rate = |ms: f64| 2.0 * products as f64 / ms * 1e-6;
        let forward = least(rounds, || {
            conv2d::forward(&geometry, &x, &w, Epilogue::default(), &mut y)
        })?;
        let by_input = least(rounds, || {
            conv2d::input_gradient(&geometry, &w, &g, &mut dx)
        })?;
        let by_weight = least(rounds, || {
            conv2d::weight_gradient(&geometry, &x, &g, &mut dw)
        })?;
        println!(
            "{input:?} -> {channels_out}, {kernel}x{kernel}/{stride}, groups {groups}: \
             {forward:.3} ({:.0}), {by_input:.3} ({:.0}), {by_weight:.3} ({:.0})",
            rate(forward),
            rate(by_input),
            rate(by_weight)
        );
    }
    Ok(())
}
