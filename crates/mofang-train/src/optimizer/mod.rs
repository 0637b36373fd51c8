//! How parameters follow their gradients. One file per optimizer; [`OptimizerSpec`] is the closed
//! list of them.
//!
//! They work on plain `f32` values, one pass over each parameter's memory, with clipping and
//! weight decay folded in. Their state is a set of tensors named like the parameters plus the
//! number of steps, so that a checkpoint holds it exactly.

mod adamw;
mod sgd;

use std::collections::BTreeMap;
use std::fmt;

use mofang_types::Tensor;
use serde::{Deserialize, Serialize};

pub use adamw::AdamWSpec;
pub use sgd::SgdSpec;

/// An optimizer with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum OptimizerSpec {
    /// See [`AdamWSpec`].
    AdamW(AdamWSpec),
    /// See [`SgdSpec`].
    Sgd(SgdSpec),
}

/// The name and a one-line summary of every optimizer, alphabetically.
pub fn all() -> &'static [(&'static str, &'static str)] {
    &[
        ("adamw", "Adam with decoupled weight decay"),
        (
            "sgd",
            "stochastic gradient descent with momentum, Nesterov's too",
        ),
    ]
}

/// One step's common numbers.
#[derive(Debug, Clone, Copy)]
pub struct StepSettings {
    /// The rate of this step.
    pub learning_rate: f64,
    /// What each gradient is multiplied by first (clipping).
    pub gradient_factor: f64,
}

/// An optimizer at work.
pub trait Optimizer: fmt::Debug {
    /// Begins a step over all parameters.
    fn begin(&mut self, settings: StepSettings);

    /// The new values of the parameter `name`, with so many times the step's learning rate.
    fn update(
        &mut self,
        name: &str,
        values: &[f32],
        gradient: &[f32],
        rate_factor: f64,
    ) -> Vec<f32>;

    /// Everything that the next step depends on.
    fn state(&self) -> OptimizerState;
}

/// What an optimizer remembers between steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState {
    /// Steps done.
    pub step: u64,
    /// Tensors by `slot.parameter`.
    pub slots: BTreeMap<String, Tensor>,
}

impl OptimizerState {
    /// The values of `slot` by parameter.
    fn slot(&self, slot: &str) -> BTreeMap<String, Vec<f32>> {
        let prefix = format!("{slot}.");
        self.slots
            .iter()
            .filter_map(|(name, tensor)| {
                let parameter = name.strip_prefix(&prefix)?;
                Some((parameter.to_owned(), tensor.data().to_vec()))
            })
            .collect()
    }

    /// Puts the values of `slot` in.
    fn add(&mut self, slot: &str, values: &BTreeMap<String, Vec<f32>>) {
        for (parameter, values) in values {
            // One dimension always fits its values.
            if let Ok(tensor) = Tensor::new(vec![values.len()], values.clone()) {
                self.slots.insert(format!("{slot}.{parameter}"), tensor);
            }
        }
    }
}

impl OptimizerSpec {
    /// Checks the parameters.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::AdamW(spec) => spec.check(),
            Self::Sgd(spec) => spec.check(),
        }
    }

    /// The rate that schedules multiply.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::AdamW(spec) => spec.learning_rate,
            Self::Sgd(spec) => spec.learning_rate,
        }
    }

    /// The optimizer, going on from `state`.
    pub fn build(&self, state: &OptimizerState) -> Box<dyn Optimizer> {
        match self {
            Self::AdamW(spec) => Box::new(adamw::AdamW::new(spec.clone(), state)),
            Self::Sgd(spec) => Box::new(sgd::Sgd::new(spec.clone(), state)),
        }
    }
}

/// Checks that a parameter is in its range.
fn check_range(name: &str, value: f64, low: f64, high: f64) -> Result<(), String> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(format!("{name} = {value} is not between {low} and {high}"))
    }
}

#[cfg(test)]
mod tests {
    use mofang_types::testing::assert_close;

    use super::*;

    /// Steps over one parameter with the gradients of `tests/golden/make_optimizers.py`.
    pub(super) fn steps(spec: &OptimizerSpec, count: u32) -> Vec<f32> {
        let mut optimizer = spec.build(&OptimizerState::default());
        let mut values = vec![0.5, -1.0, 2.0, 0.0];
        for step in 0..count {
            // Taken apart and put together again, as a resumed run does.
            optimizer = spec.build(&optimizer.state());
            optimizer.begin(StepSettings {
                learning_rate: spec.learning_rate(),
                gradient_factor: 0.5,
            });
            let gradient: Vec<f32> = (0_u8..4)
                .map(|index| {
                    #[expect(clippy::cast_possible_truncation, reason = "a test's gradient")]
                    let value = (f64::from(step) + 2.0 * f64::from(index)).sin() as f32;
                    2.0 * value
                })
                .collect();
            values = optimizer.update("weight", &values, &gradient, 1.0);
        }
        values
    }

    #[test]
    fn every_optimizer_follows_pytorch_also_when_taken_apart_at_every_step() {
        // torch 2.15, double, 20 steps; see tests/golden/make_optimizers.py.
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/optimizers.json")).unwrap();
        for case in cases.as_array().unwrap() {
            let spec: OptimizerSpec = serde_json::from_value(case["spec"].clone()).unwrap();
            spec.check().unwrap();
            let expected: Vec<f32> = serde_json::from_value(case["values"].clone()).unwrap();
            assert_close(&steps(&spec, 20), &expected, 1e-5);
        }
    }

    #[test]
    fn impossible_parameters_are_refused() {
        for text in [
            r#"{"name": "sgd", "learning_rate": -1.0}"#,
            r#"{"name": "sgd", "learning_rate": 1.0, "momentum": 1.5}"#,
            r#"{"name": "sgd", "learning_rate": 1.0, "nesterov": true}"#,
            r#"{"name": "adamw", "learning_rate": 1.0, "beta_1": 1.0}"#,
        ] {
            let spec: OptimizerSpec = serde_json::from_str(text).unwrap();
            assert!(spec.check().is_err(), "{text} was accepted");
        }
    }
}
