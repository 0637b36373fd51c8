//! Stochastic gradient descent with momentum, as `torch.optim.SGD` (Sutskever et al. 2013).

use std::collections::BTreeMap;

use mofang_kernels::optimizer::{SgdStep, sgd};
use serde::{Deserialize, Serialize};

use super::{Optimizer, OptimizerState, StepSettings, check_range};

/// `velocity = momentum · velocity + gradient + weight_decay · value`; the value goes down by the
/// rate times the velocity (with Nesterov's momentum: by gradient + momentum · velocity).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgdSpec {
    /// The base rate.
    pub learning_rate: f64,
    /// The share of the velocity that is kept.
    #[serde(default)]
    pub momentum: f64,
    /// Whether the gradient looks ahead.
    #[serde(default)]
    pub nesterov: bool,
    /// The weight of the squared norm of the parameters in the loss, halved.
    #[serde(default)]
    pub weight_decay: f64,
}

impl SgdSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        check_range("learning_rate", self.learning_rate, 0.0, 1e6)?;
        check_range("momentum", self.momentum, 0.0, 1.0)?;
        check_range("weight_decay", self.weight_decay, 0.0, 1e6)?;
        if self.nesterov && self.momentum <= 0.0 {
            return Err("nesterov needs a momentum above 0".to_owned());
        }
        Ok(())
    }
}

/// [`SgdSpec`] at work.
#[derive(Debug)]
pub(super) struct Sgd {
    spec: SgdSpec,
    settings: StepSettings,
    step: u64,
    velocity: BTreeMap<String, Vec<f32>>,
}

impl Sgd {
    pub(super) fn new(spec: SgdSpec, state: &OptimizerState) -> Self {
        Self {
            spec,
            settings: StepSettings {
                learning_rate: 0.0,
                gradient_factor: 1.0,
            },
            step: state.step,
            velocity: state.slot("velocity"),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
impl Optimizer for Sgd {
    fn begin(&mut self, settings: StepSettings) {
        self.settings = settings;
        self.step += 1;
    }

    fn update(
        &mut self,
        name: &str,
        values: &[f32],
        gradient: &[f32],
        rate_factor: f64,
    ) -> Vec<f32> {
        let factors = SgdStep {
            gradient_factor: self.settings.gradient_factor as f32,
            momentum: self.spec.momentum as f32,
            nesterov: self.spec.nesterov,
            weight_decay: self.spec.weight_decay as f32,
            rate: (self.settings.learning_rate * rate_factor) as f32,
        };
        let velocity = (self.spec.momentum > 0.0).then(|| {
            // A velocity of 0 gives momentum · 0 + gradient at the first step, as in PyTorch.
            self.velocity
                .entry(name.to_owned())
                .or_insert_with(|| vec![0.0; values.len()])
                .as_mut_slice()
        });
        // All lengths are the parameter's; were one not, the parameter would stay as it is.
        sgd(&factors, values, gradient, velocity).unwrap_or_else(|_| values.to_vec())
    }

    fn state(&self) -> OptimizerState {
        let mut state = OptimizerState {
            step: self.step,
            ..OptimizerState::default()
        };
        state.add("velocity", &self.velocity);
        state
    }
}
