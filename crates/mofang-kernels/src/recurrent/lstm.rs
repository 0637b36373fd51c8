//! Long short-term memory: `i, f, o = σ(…)`, `g = tanh(…)`, `c' = f ∘ c + i ∘ g`, `h' = o ∘ tanh(c')`. The weights'
//! gates are in the order `i, f, g, o`.

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
use crate::sums::column_sums;

const GATES: usize = 4;

/// `[hidden state, cell]` of each item, `[batch, hidden]` each.
pub type State<'a> = [&'a [f32]; 2];

/// What [`forward`] leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Passed {
    /// The gates of each step that there is, item by item, `[steps, 4 · hidden]`.
    pub gates: Vec<f32>,
    /// The cell behind each, `[steps, hidden]`.
    pub cells: Vec<f32>,
    /// Hidden state and cell behind each item's last step, `[batch, hidden]` each.
    pub last: [Vec<f32>; 2],
}

/// The gradients of [`forward`] by the parameters and by the first state.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// By the parameters.
    pub weights: RecurrentGradient,
    /// By hidden state and cell before the first step, `[batch, hidden]` each.
    pub first: [Vec<f32>; 2],
}

/// `input` is `[batch, time, features]`, `output` `[batch, time, hidden]`; without a first state it is 0.
///
/// # Errors
/// When a slice has another length than its shape says, or an item is longer than the sequence.
pub fn forward(
    recurrence: &Recurrence<'_>,
    weights: RecurrentWeights<'_>,
    input: &[f32],
    first: Option<State<'_>>,
    output: &mut [f32],
) -> Result<Passed, KernelError> {
    let plan = Plan::new(recurrence)?;
    let (time, hidden) = (plan.shape.time, plan.shape.hidden);
    check(&plan, weights, input, first, output)?;
    let width = GATES * hidden;
    let bias = match (weights.input_bias, weights.hidden_bias) {
        (Some(input), Some(hidden)) => Some(
            input
                .iter()
                .zip(hidden)
                .map(|(x, h)| x + h)
                .collect::<Vec<_>>(),
        ),
        (bias, None) | (None, bias) => bias.map(<[f32]>::to_vec),
    };
    let mut gates = project(&plan, input, weights.input, bias.as_deref(), width);
    let mut cells = recycled(plan.rows() * hidden);
    let mut last = [
        state(&plan, first.map(|[state, _]| state)),
        state(&plan, first.map(|[_, cell]| cell)),
    ];
    if hidden == 0 {
        return Ok(Passed { gates, cells, last });
    }
    let packed =
        PackedRight::in_parallel(Matrix::transposed(weights.hidden, hidden), [hidden, width]);
    let parts = plan.parts();
    let [states, last_cells] = &mut last;
    let tasks = split_items(&parts, time * hidden, output)
        .into_iter()
        .zip(split_items(&parts, hidden, states))
        .zip(split_items(&parts, hidden, last_cells))
        .zip(plan.split(&parts, width, &mut gates))
        .zip(plan.split(&parts, hidden, &mut cells))
        .zip(&parts)
        .collect::<Vec<_>>();
    tasks.into_par_iter().for_each(
        |(((((output, states), last_cells), gates), cells), items)| {
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
                    let cell = &mut last_cells[own * hidden..(own + 1) * hidden];
                    let gates = &mut gates[place * width..(place + 1) * width];
                    advance(product.product(row), gates, cell, state);
                    cells[place * hidden..(place + 1) * hidden].copy_from_slice(cell);
                    let start = (own * time + plan.time(*item, step)) * hidden;
                    output[start..start + hidden].copy_from_slice(state);
                }
            }
        },
    );
    Ok(Passed { gates, cells, last })
}

/// The gradients of [`forward`]. `output` and `passed` are what it has given, `last_gradient` those by the last
/// hidden state and cell. The gradient by the input is written where it is wanted.
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
    first: Option<State<'_>>,
    output: &[f32],
    passed: &Passed,
    output_gradient: &[f32],
    last_gradient: Option<State<'_>>,
    by_input: Option<&mut [f32]>,
) -> Result<Gradient, KernelError> {
    let plan = Plan::new(recurrence)?;
    let (time, hidden) = (plan.shape.time, plan.shape.hidden);
    let (width, rows, features) = (GATES * hidden, plan.rows(), plan.shape.features);
    check(&plan, weights, input, first, output)?;
    plan.check("the output's gradient", output_gradient, hidden)?;
    check_length("the gates", &passed.gates, rows * width)?;
    check_length("the cells", &passed.cells, rows * hidden)?;
    for values in last_gradient.unwrap_or([&[]; 2]) {
        if last_gradient.is_some() {
            plan.check_state("the last state's gradient", values)?;
        }
    }
    if let Some(by_input) = &by_input {
        plan.check("the input's gradient", by_input, features)?;
    }
    let mut slopes = recycled(rows * width);
    let mut by_first = [
        state(&plan, last_gradient.map(|[state, _]| state)),
        state(&plan, last_gradient.map(|[_, cell]| cell)),
    ];
    if hidden > 0 {
        let packed =
            PackedRight::in_parallel(Matrix::rows(weights.hidden, hidden), [width, hidden]);
        let parts = plan.parts();
        let [states, cells] = &mut by_first;
        let tasks = split_items(&parts, hidden, states)
            .into_iter()
            .zip(split_items(&parts, hidden, cells))
            .zip(plan.split(&parts, width, &mut slopes))
            .zip(&parts)
            .collect::<Vec<_>>();
        tasks
            .into_par_iter()
            .for_each(|(((states, cells), slopes), items)| {
                let base = plan.offsets[items.start];
                let mut product = StepProduct::new(&packed, items.len());
                let mut active = Vec::new();
                let zeros = vec![0.0; hidden];
                for step in (0..plan.longest(items)).rev() {
                    plan.active(items, step, &mut active);
                    for (row, item) in active.iter().enumerate() {
                        let own = item - items.start;
                        let place = plan.row(*item, step);
                        let before = match (step.checked_sub(1), first) {
                            (Some(before), _) => {
                                let before = plan.row(*item, before) * hidden;
                                &passed.cells[before..before + hidden]
                            }
                            (None, Some([_, cell])) => &cell[item * hidden..(item + 1) * hidden],
                            (None, None) => &zeros,
                        };
                        let start = (item * time + plan.time(*item, step)) * hidden;
                        let state = &mut states[own * hidden..(own + 1) * hidden];
                        crate::sums::add(&output_gradient[start..start + hidden], state);
                        let slopes =
                            &mut slopes[(place - base) * width..(place - base + 1) * width];
                        retreat(
                            &passed.gates[place * width..(place + 1) * width],
                            [before, &passed.cells[place * hidden..(place + 1) * hidden]],
                            state,
                            &mut cells[own * hidden..(own + 1) * hidden],
                            slopes,
                        );
                        product.row(row).copy_from_slice(slopes);
                    }
                    product.multiply(active.len());
                    for (row, item) in active.iter().enumerate() {
                        let own = item - items.start;
                        let state = &mut states[own * hidden..(own + 1) * hidden];
                        state.copy_from_slice(product.product(row));
                    }
                }
            });
    }
    if let Some(by_input) = by_input {
        input_gradient(&plan, &slopes, weights.input, width, by_input);
    }
    let before = plan.states_before(output, first.map(|[state, _]| state));
    let bias = column_sums(&slopes, width);
    let weights = RecurrentGradient {
        input: over_rows(
            rows,
            &slopes,
            [width, features],
            &plan.gather(input, features),
        ),
        hidden: over_rows(rows, &slopes, [width, hidden], &before),
        input_bias: bias.clone(),
        hidden_bias: bias,
    };
    crate::recycle(slopes);
    Ok(Gradient {
        weights,
        first: by_first,
    })
}

fn check(
    plan: &Plan,
    weights: RecurrentWeights<'_>,
    input: &[f32],
    first: Option<State<'_>>,
    output: &[f32],
) -> Result<(), KernelError> {
    weights.check(&plan.shape, GATES)?;
    plan.check("the input", input, plan.shape.features)?;
    plan.check("the output", output, plan.shape.hidden)?;
    if let Some([state, cell]) = first {
        plan.check_state("the first hidden state", state)?;
        plan.check_state("the first cell", cell)?;
    }
    Ok(())
}

multiversioned! {
    /// A step: `gates` are the input's projections, and become the gates.
    fn advance(products: &[f32], gates: &mut [f32], cell: &mut [f32], state: &mut [f32]) {
        let hidden = cell.len();
        let (inputs, rest) = gates.split_at_mut(hidden);
        let (forgets, rest) = rest.split_at_mut(hidden);
        let (candidates, outputs) = rest.split_at_mut(hidden);
        let product = |gate: usize| &products[gate * hidden..(gate + 1) * hidden];
        let (by_input, by_forget) = (product(0), product(1));
        let (by_candidate, by_output) = (product(2), product(3));
        let outputs = &mut outputs[..hidden];
        let state = &mut state[..hidden];
        for place in 0..hidden {
            let input = sigmoid(inputs[place] + by_input[place]);
            let forget = sigmoid(forgets[place] + by_forget[place]);
            let candidate = tanh(candidates[place] + by_candidate[place]);
            let output = sigmoid(outputs[place] + by_output[place]);
            let value = forget * cell[place] + input * candidate;
            cell[place] = value;
            state[place] = output * tanh(value);
            inputs[place] = input;
            forgets[place] = forget;
            candidates[place] = candidate;
            outputs[place] = output;
        }
    }
}

multiversioned! {
    /// A step back: `cell_slopes` become those of the cell before, `slopes` those before the gates' functions.
    fn retreat(
        gates: &[f32],
        cells: [&[f32]; 2],
        state_slopes: &[f32],
        cell_slopes: &mut [f32],
        slopes: &mut [f32],
    ) {
        let hidden = cell_slopes.len();
        let gate = |gate: usize| &gates[gate * hidden..(gate + 1) * hidden];
        let (inputs, forgets, candidates, outputs) = (gate(0), gate(1), gate(2), gate(3));
        let (by_input, rest) = slopes.split_at_mut(hidden);
        let (by_forget, rest) = rest.split_at_mut(hidden);
        let (by_candidate, by_output) = rest.split_at_mut(hidden);
        let [before, cells] = cells.map(|cells| &cells[..hidden]);
        let (state_slopes, by_output) = (&state_slopes[..hidden], &mut by_output[..hidden]);
        for place in 0..hidden {
            let (input, forget) = (inputs[place], forgets[place]);
            let (candidate, output) = (candidates[place], outputs[place]);
            let bent = tanh(cells[place]);
            let slope = state_slopes[place];
            let by_cell = cell_slopes[place] + slope * output * (1.0 - bent * bent);
            by_input[place] = by_cell * candidate * input * (1.0 - input);
            by_forget[place] = by_cell * before[place] * forget * (1.0 - forget);
            by_candidate[place] = by_cell * input * (1.0 - candidate * candidate);
            by_output[place] = slope * bent * output * (1.0 - output);
            cell_slopes[place] = by_cell * forget;
        }
    }
}
