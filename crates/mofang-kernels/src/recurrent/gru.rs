//! The gated recurrent unit: `r, z = σ(…)`, `n = tanh(W·x + b + r ∘ (V·h + c))`, `h' = (1 - z) ∘ n + z ∘ h`. The
//! weights' gates are in the order `r, z, n`.

use rayon::prelude::*;

use super::{
    Plan, Recurrence, RecurrentGradient, RecurrentWeights, StepProduct, input_gradient, over_rows,
    project, split_items, state,
};
use crate::KernelError;
use crate::error::check_length;
use crate::math::{sigmoid, tanh};
use crate::product::{Matrix, PackedRight};
use crate::recycling::recycled;
use crate::simd::multiversioned;
use crate::sums::{add, column_sums};

const GATES: usize = 3;

/// What [`forward`] leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Passed {
    /// The gates of each step that there is, item by item, `[steps, 3 · hidden]`.
    pub gates: Vec<f32>,
    /// `V·h + c` of each, `[steps, hidden]`.
    pub recalled: Vec<f32>,
    /// The state behind each item's last step, `[batch, hidden]`.
    pub last: Vec<f32>,
}

/// The gradients of [`forward`] by the parameters and by the first state.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// By the parameters.
    pub weights: RecurrentGradient,
    /// By the state before the first step, `[batch, hidden]`.
    pub first: Vec<f32>,
}

/// `input` is `[batch, time, features]`, `output` `[batch, time, hidden]`; without a first state it is 0.
///
/// # Errors
/// When a slice has another length than its shape says, or an item is longer than the sequence.
pub fn forward(
    recurrence: &Recurrence<'_>,
    weights: RecurrentWeights<'_>,
    input: &[f32],
    first: Option<&[f32]>,
    output: &mut [f32],
) -> Result<Passed, KernelError> {
    let plan = Plan::new(recurrence)?;
    let (time, hidden) = (plan.shape.time, plan.shape.hidden);
    check(&plan, weights, input, first, output)?;
    let width = GATES * hidden;
    let mut gates = project(&plan, input, weights.input, weights.input_bias, width);
    let mut recalled = recycled(plan.rows() * hidden);
    let mut last = state(&plan, first);
    if hidden == 0 {
        return Ok(Passed {
            gates,
            recalled,
            last,
        });
    }
    let zeros = vec![0.0; width];
    let bias = weights.hidden_bias.unwrap_or(&zeros);
    let packed =
        PackedRight::in_parallel(Matrix::transposed(weights.hidden, hidden), [hidden, width]);
    let parts = plan.parts();
    let tasks = split_items(&parts, time * hidden, output)
        .into_iter()
        .zip(split_items(&parts, hidden, &mut last))
        .zip(plan.split(&parts, width, &mut gates))
        .zip(plan.split(&parts, hidden, &mut recalled))
        .zip(&parts)
        .collect::<Vec<_>>();
    tasks
        .into_par_iter()
        .for_each(|((((output, states), gates), recalled), items)| {
            let base = plan.offsets[items.start];
            let mut product = StepProduct::new(&packed, items.len());
            let mut active = Vec::new();
            output.fill(0.0);
            for step in 0..plan.longest(items) {
                plan.active(items, step, &mut active);
                for (row, item) in active.iter().enumerate() {
                    let own = item - items.start;
                    product
                        .row(row)
                        .copy_from_slice(&states[own * hidden..(own + 1) * hidden]);
                }
                product.multiply(active.len());
                for (row, item) in active.iter().enumerate() {
                    let own = item - items.start;
                    let place = plan.row(*item, step) - base;
                    let state = &mut states[own * hidden..(own + 1) * hidden];
                    let gates = &mut gates[place * width..(place + 1) * width];
                    let recalled = &mut recalled[place * hidden..(place + 1) * hidden];
                    advance([product.product(row), bias], gates, recalled, state);
                    let start = (own * time + plan.time(*item, step)) * hidden;
                    output[start..start + hidden].copy_from_slice(state);
                }
            }
        });
    Ok(Passed {
        gates,
        recalled,
        last,
    })
}

/// The gradients of [`forward`]. `output` and `passed` are what it has given, `last_gradient` that by the last
/// state. The gradient by the input is written where it is wanted.
///
/// # Errors
/// As [`forward`].
#[expect(
    clippy::too_many_arguments,
    reason = "what went in, what came out, and their gradients"
)]
pub fn gradient(
    recurrence: &Recurrence<'_>,
    weights: RecurrentWeights<'_>,
    input: &[f32],
    first: Option<&[f32]>,
    output: &[f32],
    passed: &Passed,
    output_gradient: &[f32],
    last_gradient: Option<&[f32]>,
    by_input: Option<&mut [f32]>,
) -> Result<Gradient, KernelError> {
    let plan = Plan::new(recurrence)?;
    let (time, hidden) = (plan.shape.time, plan.shape.hidden);
    let (width, rows, features) = (GATES * hidden, plan.rows(), plan.shape.features);
    check(&plan, weights, input, first, output)?;
    plan.check("the output's gradient", output_gradient, hidden)?;
    check_length("the gates", &passed.gates, rows * width)?;
    check_length("what was recalled", &passed.recalled, rows * hidden)?;
    if let Some(last) = last_gradient {
        plan.check_state("the last state's gradient", last)?;
    }
    if let Some(by_input) = &by_input {
        plan.check("the input's gradient", by_input, features)?;
    }
    let before = plan.states_before(output, first);
    // By the projections of the input, and by those of the state: these differ in the last gate.
    let mut slopes = recycled(rows * width);
    let mut state_slopes = recycled(rows * width);
    let mut by_first = state(&plan, last_gradient);
    if hidden > 0 {
        let packed =
            PackedRight::in_parallel(Matrix::rows(weights.hidden, hidden), [width, hidden]);
        let parts = plan.parts();
        let tasks = split_items(&parts, hidden, &mut by_first)
            .into_iter()
            .zip(plan.split(&parts, width, &mut slopes))
            .zip(plan.split(&parts, width, &mut state_slopes))
            .zip(&parts)
            .collect::<Vec<_>>();
        tasks
            .into_par_iter()
            .for_each(|(((states, slopes), state_slopes), items)| {
                let base = plan.offsets[items.start];
                let mut product = StepProduct::new(&packed, items.len());
                let mut active = Vec::new();
                for step in (0..plan.longest(items)).rev() {
                    plan.active(items, step, &mut active);
                    for (row, item) in active.iter().enumerate() {
                        let own = item - items.start;
                        let place = plan.row(*item, step);
                        let start = (item * time + plan.time(*item, step)) * hidden;
                        let state = &mut states[own * hidden..(own + 1) * hidden];
                        add(&output_gradient[start..start + hidden], state);
                        let own = (place - base) * width..(place - base + 1) * width;
                        let state_slopes = &mut state_slopes[own.clone()];
                        retreat(
                            &passed.gates[place * width..(place + 1) * width],
                            &passed.recalled[place * hidden..(place + 1) * hidden],
                            &before[place * hidden..(place + 1) * hidden],
                            state,
                            &mut slopes[own],
                            state_slopes,
                        );
                        product.row(row).copy_from_slice(state_slopes);
                    }
                    product.multiply(active.len());
                    for (row, item) in active.iter().enumerate() {
                        let own = item - items.start;
                        let state = &mut states[own * hidden..(own + 1) * hidden];
                        add(product.product(row), state);
                    }
                }
            });
    }
    if let Some(by_input) = by_input {
        input_gradient(&plan, &slopes, weights.input, width, by_input);
    }
    let weights = RecurrentGradient {
        input: over_rows(
            rows,
            &slopes,
            [width, features],
            &plan.gather(input, features),
        ),
        hidden: over_rows(rows, &state_slopes, [width, hidden], &before),
        input_bias: column_sums(&slopes, width),
        hidden_bias: column_sums(&state_slopes, width),
    };
    crate::recycle(slopes);
    crate::recycle(state_slopes);
    Ok(Gradient {
        weights,
        first: by_first,
    })
}

fn check(
    plan: &Plan,
    weights: RecurrentWeights<'_>,
    input: &[f32],
    first: Option<&[f32]>,
    output: &[f32],
) -> Result<(), KernelError> {
    weights.check(&plan.shape, GATES)?;
    plan.check("the input", input, plan.shape.features)?;
    plan.check("the output", output, plan.shape.hidden)?;
    first.map_or(Ok(()), |first| plan.check_state("the first state", first))
}

multiversioned! {
    /// A step: `gates` are the input's projections, and become the gates.
    fn advance(
        products_and_bias: [&[f32]; 2],
        gates: &mut [f32],
        recalled: &mut [f32],
        state: &mut [f32],
    ) {
        let hidden = state.len();
        let (resets, rest) = gates.split_at_mut(hidden);
        let (updates, candidates) = rest.split_at_mut(hidden);
        let [products, bias] = products_and_bias;
        let product = |gate: usize| {
            let range = gate * hidden..(gate + 1) * hidden;
            (&products[range.clone()], &bias[range])
        };
        let (by_reset, reset_bias) = product(0);
        let (by_update, update_bias) = product(1);
        let (by_state, state_bias) = product(2);
        let (candidates, recalled) = (&mut candidates[..hidden], &mut recalled[..hidden]);
        for place in 0..hidden {
            let reset = sigmoid(resets[place] + by_reset[place] + reset_bias[place]);
            let update = sigmoid(updates[place] + by_update[place] + update_bias[place]);
            let known = by_state[place] + state_bias[place];
            let candidate = tanh(candidates[place] + reset * known);
            state[place] = (1.0 - update) * candidate + update * state[place];
            recalled[place] = known;
            resets[place] = reset;
            updates[place] = update;
            candidates[place] = candidate;
        }
    }
}

multiversioned! {
    /// A step back: `state` are the slopes by the state behind it, and become their direct part by the one
    /// before.
    fn retreat(
        gates: &[f32],
        recalled: &[f32],
        before: &[f32],
        state: &mut [f32],
        slopes: &mut [f32],
        state_slopes: &mut [f32],
    ) {
        let hidden = state.len();
        let gate = |gate: usize| &gates[gate * hidden..(gate + 1) * hidden];
        let (resets, updates, candidates) = (gate(0), gate(1), gate(2));
        let (recalled, before) = (&recalled[..hidden], &before[..hidden]);
        let (by_reset, rest) = slopes.split_at_mut(hidden);
        let (by_update, by_candidate) = rest.split_at_mut(hidden);
        let by_candidate = &mut by_candidate[..hidden];
        let (again_reset, rest) = state_slopes.split_at_mut(hidden);
        let (again_update, by_recalled) = rest.split_at_mut(hidden);
        let by_recalled = &mut by_recalled[..hidden];
        for place in 0..hidden {
            let (reset, update) = (resets[place], updates[place]);
            let (candidate, slope) = (candidates[place], state[place]);
            let bent = slope * (1.0 - update) * (1.0 - candidate * candidate);
            let to_update = slope * (before[place] - candidate) * update * (1.0 - update);
            let to_reset = bent * recalled[place] * reset * (1.0 - reset);
            by_candidate[place] = bent;
            by_recalled[place] = bent * reset;
            by_update[place] = to_update;
            again_update[place] = to_update;
            by_reset[place] = to_reset;
            again_reset[place] = to_reset;
            state[place] = slope * update;
        }
    }
}
