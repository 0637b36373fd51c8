//! Connectionist temporal classification (Graves et al. 2006, <https://doi.org/10.1145/1143844.1143891>): the
//! logarithm of the probability of a sequence of labels, over all ways to lay it along the steps with blanks and
//! repetitions. As PyTorch's `ctc_loss`.
//!
//! Probabilities of the ways up to a step and from it on are logarithms in double precision; a thread takes an
//! item.

use rayon::prelude::*;

use crate::KernelError;
use crate::error::check_length;

/// The sizes of a batch, and what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ctc<'a> {
    /// Items.
    pub batch: usize,
    /// Steps.
    pub time: usize,
    /// Classes, the blank among them.
    pub classes: usize,
    /// Which class is the blank.
    pub blank: usize,
    /// Steps of each item, `[batch]`.
    pub input_lengths: &'a [usize],
    /// The labels of each item, `[batch, labels of the longest]`; what lies behind an item's own is not read.
    pub targets: &'a [i64],
    /// Labels of each item, `[batch]`.
    pub target_lengths: &'a [usize],
    /// Whether an item with too few steps for its labels has loss and gradient 0, not ∞ and NaN.
    pub zero_infinity: bool,
}

impl Ctc<'_> {
    /// The loss of each item, `[batch]`, from logarithms of probabilities, `[batch, time, classes]`. PyTorch's mean
    /// is that of `loss / max(labels, 1)`.
    ///
    /// The gradient, as long as the input, is that of each item's own loss, by PyTorch's formula
    /// `p - posterior`: it is the gradient by scores whose `log_softmax` the input is, and `log_softmax` passes it on
    /// unchanged. Steps beyond an item's length get 0.
    ///
    /// # Errors
    /// When slices and lengths do not fit together, or there is no such class.
    pub fn loss(
        &self,
        log_probabilities: &[f32],
        gradient: Option<&mut [f32]>,
    ) -> Result<Vec<f32>, KernelError> {
        let width = self.check(log_probabilities)?;
        let item = self.time * self.classes;
        if let Some(gradient) = gradient {
            check_length("the gradient", gradient, log_probabilities.len())?;
            if item > 0 {
                return Ok(gradient
                    .par_chunks_exact_mut(item)
                    .enumerate()
                    .map(|(place, gradient)| {
                        self.item(place, width, log_probabilities, Some(gradient))
                    })
                    .collect());
            }
        }
        let items = (0..self.batch).into_par_iter();
        Ok(items
            .map(|place| self.item(place, width, log_probabilities, None))
            .collect())
    }

    /// The labels of the longest item.
    fn check(&self, log_probabilities: &[f32]) -> Result<usize, KernelError> {
        let length = self.batch.saturating_mul(self.time);
        let length = length.saturating_mul(self.classes);
        check_length("the logarithms of probabilities", log_probabilities, length)?;
        let problem = |problem| KernelError::Shape {
            operation: "a CTC loss",
            problem,
        };
        if self.input_lengths.len() != self.batch || self.target_lengths.len() != self.batch {
            return Err(problem("there is not one length for each item"));
        }
        if self.blank >= self.classes {
            return Err(problem("the blank is not a class"));
        }
        let width = self.targets.len() / self.batch.max(1);
        if width * self.batch != self.targets.len() {
            return Err(problem("items do not have equally many places for labels"));
        }
        if self.input_lengths.iter().any(|length| *length > self.time) {
            return Err(problem("an item has more steps than there are"));
        }
        for (item, length) in self.target_lengths.iter().enumerate() {
            if *length > width {
                return Err(problem("an item has more labels than places for them"));
            }
            for label in &self.targets[item * width..item * width + length] {
                let class = usize::try_from(*label).ok();
                if class.is_none_or(|class| class >= self.classes) {
                    return Err(KernelError::Index {
                        what: "a label",
                        index: *label,
                        count: self.classes,
                    });
                }
                if class == Some(self.blank) {
                    return Err(problem("the blank is among the labels"));
                }
            }
        }
        Ok(width)
    }

    fn item(
        &self,
        place: usize,
        width: usize,
        log_probabilities: &[f32],
        gradient: Option<&mut [f32]>,
    ) -> f32 {
        let (classes, steps) = (self.classes, self.input_lengths[place]);
        let labels = &self.targets[place * width..place * width + self.target_lengths[place]];
        let start = place * self.time * classes;
        let way = Way {
            states: self.states(labels),
            input: &log_probabilities[start..start + steps * classes],
            classes,
        };
        let forward = way.forward();
        let last = forward.len().saturating_sub(way.states.len());
        let loss = -way.total(&forward[last..]);
        let is_hidden = self.zero_infinity && loss == f64::INFINITY;
        if let Some(gradient) = gradient {
            let (seen, behind) = gradient.split_at_mut(steps * classes);
            behind.fill(0.0);
            if is_hidden {
                seen.fill(0.0);
            } else if loss == f64::INFINITY {
                seen.fill(f32::NAN);
            } else {
                way.gradient(&forward, loss, seen);
            }
        }
        if is_hidden { 0.0 } else { loss as f32 }
    }

    /// The labels with blanks around each.
    fn states(&self, labels: &[i64]) -> Vec<usize> {
        let mut states = vec![self.blank];
        for label in labels {
            states.push(usize::try_from(*label).unwrap_or(self.blank));
            states.push(self.blank);
        }
        states
    }
}

/// An item's states along its steps.
struct Way<'a> {
    states: Vec<usize>,
    /// `[steps, classes]`
    input: &'a [f32],
    classes: usize,
}

impl Way<'_> {
    fn at(&self, step: usize, state: usize) -> f64 {
        f64::from(self.input[step * self.classes + self.states[state]])
    }

    fn steps(&self) -> usize {
        self.input.len() / self.classes
    }

    /// Whether a way may go from the state two before this one, over a blank.
    fn may_skip(&self, state: usize) -> bool {
        state >= 2 && state % 2 == 1 && self.states[state] != self.states[state - 2]
    }

    /// The logarithm of the probability of all ways up to each step and state, `[steps, states]`.
    fn forward(&self) -> Vec<f64> {
        let count = self.states.len();
        let mut ways = vec![f64::NEG_INFINITY; self.steps() * count];
        for step in 0..self.steps() {
            let (before, now) = ways.split_at_mut(step * count);
            for state in 0..count {
                let Some(before) = before.len().checked_sub(count).map(|from| &before[from..])
                else {
                    if state < 2 {
                        now[state] = self.at(step, state);
                    }
                    continue;
                };
                let one = state
                    .checked_sub(1)
                    .map_or(f64::NEG_INFINITY, |state| before[state]);
                let two = if self.may_skip(state) {
                    before[state - 2]
                } else {
                    f64::NEG_INFINITY
                };
                now[state] = log_sum([before[state], one, two]) + self.at(step, state);
            }
        }
        ways
    }

    /// The logarithm of the probability of the labels, from the last step's ways.
    fn total(&self, last: &[f64]) -> f64 {
        if self.steps() == 0 {
            // Nothing is certain to say nothing.
            return if self.states.len() == 1 {
                0.0
            } else {
                f64::NEG_INFINITY
            };
        }
        let label = last
            .len()
            .checked_sub(2)
            .map_or(f64::NEG_INFINITY, |state| last[state]);
        log_sum([last[last.len() - 1], label, f64::NEG_INFINITY])
    }

    /// `p - posterior`, `[steps, classes]`.
    fn gradient(&self, forward: &[f64], loss: f64, gradient: &mut [f32]) {
        let count = self.states.len();
        // The ways from each state on, this step with it.
        let mut after = vec![f64::NEG_INFINITY; count];
        let mut next = after.clone();
        let mut posterior = vec![0.0_f64; self.classes];
        for step in (0..self.steps()).rev() {
            for (state, next) in next.iter_mut().enumerate() {
                let onward = if step + 1 == self.steps() {
                    if state + 2 >= count {
                        0.0
                    } else {
                        f64::NEG_INFINITY
                    }
                } else {
                    let at = |state: usize| after.get(state).copied().unwrap_or(f64::NEG_INFINITY);
                    let skips = state + 2 < count && self.may_skip(state + 2);
                    let two = if skips {
                        at(state + 2)
                    } else {
                        f64::NEG_INFINITY
                    };
                    log_sum([at(state), at(state + 1), two])
                };
                *next = onward + self.at(step, state);
            }
            std::mem::swap(&mut after, &mut next);
            posterior.fill(0.0);
            for (state, class) in self.states.iter().enumerate() {
                let both = forward[step * count + state] + after[state];
                if both != f64::NEG_INFINITY {
                    posterior[*class] += (both + loss - self.at(step, state)).exp();
                }
            }
            let row = step * self.classes..(step + 1) * self.classes;
            let values = gradient[row.clone()].iter_mut().zip(&self.input[row]);
            for ((gradient, input), posterior) in values.zip(&posterior) {
                *gradient = (f64::from(*input).exp() - posterior) as f32;
            }
        }
    }
}

/// `ln(eᵃ + eᵇ + eᶜ)`; a NaN stays one.
fn log_sum(values: [f64; 3]) -> f64 {
    let most = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return values.into_iter().sum();
    }
    most + values
        .into_iter()
        .map(|value| (value - most).exp())
        .sum::<f64>()
        .ln()
}
