//! One direction of a recurrent layer over whole sequences, by PyTorch's formulas: LSTM (Hochreiter and
//! Schmidhuber 1997, <https://doi.org/10.1162/neco.1997.9.8.1735>) and GRU (Cho et al. 2014,
//! <https://arxiv.org/abs/1406.1078>).

use std::sync::Arc;

use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::{Tensor, TensorData};
use mofang_kernels::geometry::RecurrentShape;
use mofang_kernels::recurrent::{
    Recurrence, RecurrentGradient, RecurrentWeights as Weights, gru, lstm,
};
use mofang_kernels::{KernelError, recycled};

use super::linear;
use super::native::{Kernel, Values, apply, native};

/// Which unit a recurrent layer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecurrentKind {
    Gru,
    Lstm,
}

impl RecurrentKind {
    /// Rows of the weights for each value of the state.
    pub(crate) fn gates(self) -> usize {
        match self {
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }
}

/// The parameters of a direction.
#[derive(Debug, Clone)]
pub(crate) struct RecurrentWeights {
    /// `weight_ih`, `[gates · hidden, features]`
    pub(crate) input: Tensor<2>,
    /// `weight_hh`, `[gates · hidden, hidden]`
    pub(crate) hidden: Tensor<2>,
    /// `bias_ih`, `[gates · hidden]`
    pub(crate) input_bias: Tensor<1>,
    /// `bias_hh`, `[gates · hidden]`
    pub(crate) hidden_bias: Tensor<1>,
}

/// `[batch, time, features]` to `[batch, time, hidden]` from a state of zeros, with zeros behind each sequence's
/// length; reversed, each begins at its own end.
pub(crate) fn recurrent(
    kind: RecurrentKind,
    input: Tensor<3>,
    weights: RecurrentWeights,
    lengths: &[usize],
    is_reversed: bool,
) -> Tensor<3> {
    let fused = || {
        let [batch, time, features] = input.dims();
        let [_, hidden] = weights.hidden.dims();
        let layer = Layer {
            kind,
            shape: RecurrentShape {
                batch,
                time,
                features,
                hidden,
            },
            lengths: lengths.into(),
            is_reversed,
        };
        let inputs = [
            native(&input)?,
            native(&weights.input)?,
            native(&weights.hidden)?,
            native(&weights.input_bias)?,
            native(&weights.hidden_bias)?,
        ];
        apply(layer, inputs)
    };
    match fused() {
        Some(output) => output,
        None => reference(kind, input, weights, lengths, is_reversed),
    }
}

/// By burn's own operations, step by step. A step behind a sequence's end leaves its state as it is, which
/// reversed is the state of zeros before its first.
fn reference(
    kind: RecurrentKind,
    input: Tensor<3>,
    weights: RecurrentWeights,
    lengths: &[usize],
    is_reversed: bool,
) -> Tensor<3> {
    let device = input.device();
    let [batch, time, features] = input.dims();
    let [rows, hidden] = weights.hidden.dims();
    let projected = linear(
        input.reshape([batch * time, features]),
        weights.input,
        Some(weights.input_bias),
    )
    .reshape([batch, time, rows]);
    let mut state: Tensor<2> = Tensor::zeros([batch, hidden], &device);
    let mut cell = state.clone();
    let mut outputs = vec![state.clone(); time];
    let steps: Box<dyn Iterator<Item = usize>> = if is_reversed {
        Box::new((0..time).rev())
    } else {
        Box::new(0..time)
    };
    for step in steps {
        let here = projected.clone().narrow(1, step, 1).squeeze_dim(1);
        let recalled = linear(
            state.clone(),
            weights.hidden.clone(),
            Some(weights.hidden_bias.clone()),
        );
        let (next_state, next_cell) = match kind {
            RecurrentKind::Gru => (gru_step(here, recalled, state.clone()), cell.clone()),
            RecurrentKind::Lstm => lstm_step(here + recalled, cell.clone()),
        };
        let is_within = |length: &usize| if step < *length { 1.0_f32 } else { 0.0 };
        let within: Vec<f32> = lengths.iter().map(is_within).collect();
        let within: Tensor<2> = Tensor::from_data(TensorData::new(within, [batch, 1]), &device);
        let beyond = within.clone() * -1.0 + 1.0;
        outputs[step] = next_state.clone() * within.clone();
        state = next_state * within.clone() + state * beyond.clone();
        cell = next_cell * within + cell * beyond;
    }
    Tensor::stack(outputs, 1)
}

/// The gate of this number.
fn gate(values: &Tensor<2>, number: usize, hidden: usize) -> Tensor<2> {
    values.clone().narrow(1, number * hidden, hidden)
}

fn gru_step(here: Tensor<2>, recalled: Tensor<2>, state: Tensor<2>) -> Tensor<2> {
    let [_, hidden] = state.dims();
    let both = |number| gate(&here, number, hidden) + gate(&recalled, number, hidden);
    let (reset, update) = (sigmoid(both(0)), sigmoid(both(1)));
    let new = tanh(gate(&here, 2, hidden) + reset * gate(&recalled, 2, hidden));
    (update.clone() * -1.0 + 1.0) * new + update * state
}

fn lstm_step(gates: Tensor<2>, cell: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let [_, hidden] = cell.dims();
    let [input, forget, output] = [0, 1, 3].map(|number| sigmoid(gate(&gates, number, hidden)));
    let cell = forget * cell + input * tanh(gate(&gates, 2, hidden));
    (output * tanh(cell.clone()), cell)
}

#[derive(Debug, Clone)]
struct Layer {
    kind: RecurrentKind,
    shape: RecurrentShape,
    lengths: Arc<[usize]>,
    is_reversed: bool,
}

impl Layer {
    fn recurrence(&self) -> Recurrence<'_> {
        Recurrence {
            shape: self.shape,
            lengths: Some(&self.lengths),
            is_reversed: self.is_reversed,
        }
    }

    /// Rows of the weights.
    fn rows(&self) -> usize {
        self.kind.gates() * self.shape.hidden
    }
}

/// What the kernels keep of their steps.
#[derive(Debug)]
enum Steps {
    Gru(gru::Passed),
    Lstm(lstm::Passed),
}

/// What the backward pass needs.
#[derive(Debug, Clone)]
struct Passed {
    /// Input and parameters.
    inputs: [Values; 5],
    output: Values,
    steps: Arc<Steps>,
}

fn weights<'a>(inputs: &[&'a Values; 5]) -> Weights<'a> {
    Weights {
        input: inputs[1].as_slice(),
        hidden: inputs[2].as_slice(),
        input_bias: Some(inputs[3].as_slice()),
        hidden_bias: Some(inputs[4].as_slice()),
    }
}

impl Kernel<5> for Layer {
    type Saved = Passed;

    fn release(passed: Passed) -> Vec<Values> {
        let mut values = vec![passed.output];
        values.extend(passed.inputs);
        let steps = match Arc::into_inner(passed.steps) {
            Some(Steps::Gru(steps)) => vec![steps.gates, steps.recalled],
            Some(Steps::Lstm(steps)) => vec![steps.gates, steps.cells],
            None => Vec::new(),
        };
        values.extend(steps.into_iter().map(|step| {
            let length = step.len();
            Values::new(step, [length])
        }));
        values
    }

    fn forward(&self, inputs: [&Values; 5]) -> Result<(Values, Passed), KernelError> {
        let RecurrentShape {
            batch,
            time,
            hidden,
            ..
        } = self.shape;
        let (recurrence, weights, input) =
            (self.recurrence(), weights(&inputs), inputs[0].as_slice());
        let mut output = recycled(batch * time * hidden);
        let steps = match self.kind {
            RecurrentKind::Gru => Steps::Gru(gru::forward(
                &recurrence,
                weights,
                input,
                None,
                &mut output,
            )?),
            RecurrentKind::Lstm => Steps::Lstm(lstm::forward(
                &recurrence,
                weights,
                input,
                None,
                &mut output,
            )?),
        };
        let output = Values::new(output, [batch, time, hidden]);
        let passed = Passed {
            inputs: inputs.map(Values::clone),
            output: output.clone(),
            steps: Arc::new(steps),
        };
        Ok((output, passed))
    }

    fn backward(
        &self,
        passed: &Passed,
        output_gradient: &Values,
        wanted: [bool; 5],
    ) -> Result<[Option<Values>; 5], KernelError> {
        let RecurrentShape {
            batch,
            time,
            features,
            hidden,
        } = self.shape;
        let inputs = passed.inputs.each_ref();
        let (recurrence, weights, input) =
            (self.recurrence(), weights(&inputs), inputs[0].as_slice());
        let (output, slopes) = (passed.output.as_slice(), output_gradient.as_slice());
        let mut by_input = wanted[0].then(|| recycled(batch * time * features));
        let gradient: RecurrentGradient = match &*passed.steps {
            Steps::Gru(steps) => {
                gru::gradient(
                    &recurrence,
                    weights,
                    input,
                    None,
                    output,
                    steps,
                    slopes,
                    None,
                    by_input.as_deref_mut(),
                )?
                .weights
            }
            Steps::Lstm(steps) => {
                lstm::gradient(
                    &recurrence,
                    weights,
                    input,
                    None,
                    output,
                    steps,
                    slopes,
                    None,
                    by_input.as_deref_mut(),
                )?
                .weights
            }
        };
        let rows = self.rows();
        Ok([
            by_input.map(|values| Values::new(values, [batch, time, features])),
            wanted[1].then(|| Values::new(gradient.input, [rows, features])),
            wanted[2].then(|| Values::new(gradient.hidden, [rows, hidden])),
            wanted[3].then(|| Values::new(gradient.input_bias, [rows])),
            wanted[4].then(|| Values::new(gradient.hidden_bias, [rows])),
        ])
    }
}
