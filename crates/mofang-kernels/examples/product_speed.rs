//! GFLOP/s of linear layers beside a loop of multiplications in registers: `product_speed [ROUNDS]`.
//! The best of the rounds, because it is what the code can do when nothing else runs.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a program that measures"
)]

use std::time::Instant;

use mofang_kernels::geometry::LinearShape;
use mofang_kernels::{Activation, KernelError, linear, register_speed};

/// Rows, features in, features out.
const SHAPES: &[[usize; 3]] = &[
    [2048, 256, 256],
    [2048, 256, 1024],
    [2048, 1024, 256],
    [2048, 256, 4096],
    [1024, 384, 1536],
    [128, 384, 384],
    [128, 384, 1536],
    [128, 1536, 384],
    [512, 768, 768],
    [3200, 40, 1024],
    [32, 256, 1024],
];

fn rate(
    rounds: usize,
    products: usize,
    mut work: impl FnMut() -> Result<(), KernelError>,
) -> Result<f64, KernelError> {
    let mut best = f64::INFINITY;
    for _ in 0..=rounds {
        let began = Instant::now();
        work()?;
        best = best.min(began.elapsed().as_secs_f64());
    }
    Ok(2.0 * products as f64 / best * 1e-9)
}

fn main() -> Result<(), KernelError> {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let rounds = rounds.unwrap_or(30);
    let threads = rayon::current_num_threads();
    println!("{threads} threads");
    println!(
        "forward, gradient by input, by weight: GFLOP/s (share of what registers alone do at the time)"
    );
    for [batch, features_in, features_out] in SHAPES.iter().copied() {
        let shape = LinearShape {
            batch,
            features_in,
            features_out,
        };
        let values = |count: usize| (0..count).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect();
        let input: Vec<f32> = values(batch * features_in);
        let weight: Vec<f32> = values(features_out * features_in);
        let bias: Vec<f32> = values(features_out);
        let mut output: Vec<f32> = values(batch * features_out);
        let slopes = output.clone();
        let (mut dx, mut dw) = (input.clone(), weight.clone());
        let products = batch * features_in * features_out;
        let steps = 1 << 18;
        let tile = register_speed(0).max(register_speed(1) / 64);
        let limit = rate(rounds, steps * tile * threads, || {
            rayon::broadcast(|_| register_speed(steps));
            Ok(())
        })?;
        let forward = rate(rounds, products, || {
            linear::forward(
                &shape,
                &input,
                &weight,
                Some(&bias),
                Activation::Identity,
                &mut output,
            )
        })?;
        let by_input = rate(rounds, products, || {
            linear::input_gradient(&shape, &weight, &slopes, &mut dx)
        })?;
        let by_weight = rate(rounds, products, || {
            linear::weight_gradient(&shape, &input, &slopes, &mut dw)
        })?;
        let share = |rate: f64| 100.0 * rate / limit;
        println!(
            "{batch}x{features_in} -> {features_out} ({limit:.0}): {forward:.0} ({:.0} %), {by_input:.0} ({:.0} %), \
             {by_weight:.0} ({:.0} %)",
            share(forward),
            share(by_input),
            share(by_weight)
        );
    }
    Ok(())
}
