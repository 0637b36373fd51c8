//! Least milliseconds of the layers of Transformers and recurrent networks, forward and backward:
//! `layer_speed [ROUNDS]`. The least, because it is what the code can do when nothing else runs.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a program that measures"
)]

use std::time::Instant;

use mofang_kernels::attention::{self, Attention, Gradients, Passed};
use mofang_kernels::cross_entropy::CrossEntropy;
use mofang_kernels::geometry::{AttentionShape, HeadLayout, RecurrentShape, RowShape};
use mofang_kernels::layer_norm::{self, Affine};
use mofang_kernels::recurrent::{Recurrence, RecurrentWeights, gru, lstm};
use mofang_kernels::{KernelError, Nonlinearity, nonlinearity};

struct Rounds(usize);

impl Rounds {
    fn least(
        &self,
        name: &str,
        work: &mut dyn FnMut() -> Result<(), KernelError>,
    ) -> Result<f64, KernelError> {
        let mut least = f64::INFINITY;
        for _ in 0..=self.0 {
            let began = Instant::now();
            work()?;
            least = least.min(began.elapsed().as_secs_f64() * 1e3);
        }
        println!("{name}: {least:.3} ms");
        Ok(least)
    }
}

fn values(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect()
}

fn attention(
    rounds: &Rounds,
    shape: AttentionShape,
    causal: Option<usize>,
) -> Result<(), KernelError> {
    let AttentionShape {
        batch,
        heads,
        queries,
        features,
        ..
    } = shape;
    let layout = HeadLayout::by_time(queries, heads, features);
    let attention = Attention {
        shape,
        query: layout,
        key: layout,
        output: layout,
        scale: 1.0 / (features as f32).sqrt(),
        causal,
        valid: None,
    };
    let x = values(batch * queries * heads * features);
    let mut output = x.clone();
    let mut logarithms = Vec::new();
    let name = format!(
        "attention {batch}x{heads}x{queries}x{features}, causal {}",
        causal.is_some()
    );
    let forward = rounds.least(&format!("{name}, forward"), &mut || {
        logarithms = attention::forward(&attention, &x, &x, &x, &mut output)?;
        Ok(())
    })?;
    let [mut query, mut key, mut value] = [x.clone(), x.clone(), x.clone()];
    let backward = rounds.least(&format!("{name}, backward"), &mut || {
        let passed = Passed {
            query: &x,
            key: &x,
            value: &x,
            output: &output,
            logarithms: &logarithms,
        };
        let gradients = Gradients {
            query: &mut query,
            key: &mut key,
            value: &mut value,
        };
        attention::gradient(&attention, passed, &x, gradients)
    })?;
    let product = 2.0 * (batch * heads * queries * queries * features) as f64 * 1e-6;
    let rate = |products: f64, ms: f64| products * product / ms;
    println!(
        "  {:.0}, {:.0} GFLOP/s (causal: half of it is not done)",
        rate(2.0, forward),
        rate(5.0, backward)
    );
    Ok(())
}

fn recurrent(rounds: &Rounds) -> Result<(), KernelError> {
    let shape = RecurrentShape {
        batch: 32,
        time: 100,
        features: 256,
        hidden: 256,
    };
    let recurrence = Recurrence {
        shape,
        lengths: None,
        is_reversed: false,
    };
    let weight = values(4 * 256 * 256);
    let bias = values(4 * 256);
    let input = values(32 * 100 * 256);
    let (mut output, mut by_input) = (input.clone(), input.clone());
    let weights = |gates: usize| RecurrentWeights {
        input: &weight[..gates * 256 * 256],
        hidden: &weight[..gates * 256 * 256],
        input_bias: Some(&bias[..gates * 256]),
        hidden_bias: Some(&bias[..gates * 256]),
    };
    let mut passed = None;
    rounds.least("LSTM 32x100, 256 -> 256, forward", &mut || {
        passed = Some(lstm::forward(
            &recurrence,
            weights(4),
            &input,
            None,
            &mut output,
        )?);
        Ok(())
    })?;
    if let Some(passed) = &passed {
        rounds.least("LSTM 32x100, 256 -> 256, backward", &mut || {
            let by_input = Some(&mut by_input[..]);
            let gradient = lstm::gradient(
                &recurrence,
                weights(4),
                &input,
                None,
                &output,
                passed,
                &input,
                None,
                by_input,
            );
            gradient.map(drop)
        })?;
    }
    let mut passed = None;
    rounds.least("GRU 32x100, 256 -> 256, forward", &mut || {
        passed = Some(gru::forward(
            &recurrence,
            weights(3),
            &input,
            None,
            &mut output,
        )?);
        Ok(())
    })?;
    if let Some(passed) = &passed {
        rounds.least("GRU 32x100, 256 -> 256, backward", &mut || {
            let by_input = Some(&mut by_input[..]);
            let gradient = gru::gradient(
                &recurrence,
                weights(3),
                &input,
                None,
                &output,
                passed,
                &input,
                None,
                by_input,
            );
            gradient.map(drop)
        })?;
    }
    Ok(())
}

fn rows(rounds: &Rounds) -> Result<(), KernelError> {
    let shape = RowShape {
        rows: 2048,
        features: 256,
    };
    let x = values(shape.length());
    let (mut y, mut dx) = (x.clone(), x.clone());
    let parameters = values(256);
    let affine = Affine {
        weight: Some(&parameters),
        bias: Some(&parameters),
        epsilon: 1e-5,
    };
    let mut statistics = layer_norm::layer_norm(&shape, &x, affine, &mut y)?;
    rounds.least("layer_norm 2048x256, forward", &mut || {
        statistics = layer_norm::layer_norm(&shape, &x, affine, &mut y)?;
        Ok(())
    })?;
    rounds.least("layer_norm 2048x256, backward", &mut || {
        layer_norm::layer_norm_gradient(&shape, &x, affine, &statistics, &x, &mut dx).map(drop)
    })?;
    let x = values(2048 * 1024);
    let (mut y, mut dx) = (x.clone(), x.clone());
    for kind in [Nonlinearity::Gelu, Nonlinearity::Silu] {
        rounds.least(&format!("{kind:?} 2048x1024, forward"), &mut || {
            nonlinearity::forward(kind, &x, &mut y)
        })?;
        rounds.least(&format!("{kind:?} 2048x1024, backward"), &mut || {
            nonlinearity::gradient(kind, &x, &y, &mut dx)
        })?;
    }
    let loss = CrossEntropy {
        rows: 2048,
        classes: 4096,
        smoothing: 0.0,
        ignored: None,
    };
    let scores = values(2048 * 4096);
    let mut by_scores = scores.clone();
    let targets: Vec<i64> = (0..2048).collect();
    let mut passed = loss.forward(&scores, &targets)?;
    rounds.least("cross entropy 2048x4096, forward", &mut || {
        passed = loss.forward(&scores, &targets)?;
        Ok(())
    })?;
    rounds.least("cross entropy 2048x4096, backward", &mut || {
        let factor = 1.0 / passed.count as f32;
        loss.gradient(
            &scores,
            &targets,
            &passed.logarithms,
            factor,
            &mut by_scores,
        )
    })?;
    Ok(())
}

fn main() -> Result<(), KernelError> {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let rounds = Rounds(rounds.unwrap_or(30));
    let decoder = AttentionShape {
        batch: 16,
        heads: 4,
        key_heads: 4,
        queries: 128,
        keys: 128,
        features: 64,
    };
    attention(&rounds, decoder, Some(0))?;
    let encoder = AttentionShape {
        batch: 8,
        heads: 6,
        key_heads: 6,
        ..decoder
    };
    attention(&rounds, encoder, None)?;
    let long = AttentionShape {
        batch: 1,
        heads: 8,
        key_heads: 8,
        queries: 1024,
        keys: 1024,
        features: 64,
    };
    attention(&rounds, long, None)?;
    recurrent(&rounds)?;
    rows(&rounds)
}
