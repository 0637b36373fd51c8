//! AdamW: Loshchilov and Hutter 2017, <https://arxiv.org/abs/1711.05101>, algorithm 2, as `torch.optim.AdamW`.

use std::collections::BTreeMap;

use mofang_kernels::optimizer::{AdamWStep, adamw};
use serde::{Deserialize, Serialize};

use super::{Optimizer, OptimizerState, StepSettings, check_range};

/// Adam with decoupled weight decay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamWSpec {
    /// The base rate.
    pub learning_rate: f64,
    /// The share of the mean gradient that is kept.
    #[serde(default = "default_beta_1")]
    pub beta_1: f64,
    /// The share of the mean squared gradient that is kept.
    #[serde(default = "default_beta_2")]
    pub beta_2: f64,
    /// Added to the root of the mean square.
    #[serde(default = "default_epsilon")]
    pub epsilon: f64,
    /// The share, times the rate, by which each value shrinks at each step.
    #[serde(default = "default_weight_decay")]
    pub weight_decay: f64,
}

fn default_beta_1() -> f64 {
    0.9
}

fn default_beta_2() -> f64 {
    0.999
}

fn default_epsilon() -> f64 {
    1e-8
}

fn default_weight_decay() -> f64 {
    0.01
}

impl Default for AdamWSpec {
    /// The rate is PyTorch's.
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            beta_1: default_beta_1(),
            beta_2: default_beta_2(),
            epsilon: default_epsilon(),
            weight_decay: default_weight_decay(),
        }
    }
}

impl AdamWSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        check_range("learning_rate", self.learning_rate, 0.0, 1e6)?;
        check_range("beta_1", self.beta_1, 0.0, 0.999_999)?;
        check_range("beta_2", self.beta_2, 0.0, 0.999_999_9)?;
        check_range("epsilon", self.epsilon, 1e-30, 1.0)?;
        check_range("weight_decay", self.weight_decay, 0.0, 1e6)
    }
}

/// Both moments of a parameter.
#[derive(Debug)]
struct Moments {
    mean: Vec<f32>,
    square: Vec<f32>,
}

/// [`AdamWSpec`] at work.
#[derive(Debug)]
pub(super) struct AdamW {
    spec: AdamWSpec,
    settings: StepSettings,
    step: u64,
    moments: BTreeMap<String, Moments>,
}

impl AdamW {
    pub(super) fn new(spec: AdamWSpec, state: &OptimizerState) -> Self {
        let mut squares = state.slot("square");
        let moments = state
            .slot("mean")
            .into_iter()
            .map(|(name, mean)| {
                let square = squares
                    .remove(&name)
                    .unwrap_or_else(|| vec![0.0; mean.len()]);
                (name, Moments { mean, square })
            })
            .collect();
        Self {
            spec,
            settings: StepSettings {
                learning_rate: 0.0,
                gradient_factor: 1.0,
            },
            step: state.step,
            moments,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
impl Optimizer for AdamW {
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
        let spec = &self.spec;
        let step = self.step as f64;
        let rate = self.settings.learning_rate * rate_factor;
        let factors = AdamWStep {
            gradient_factor: self.settings.gradient_factor as f32,
            beta_1: spec.beta_1 as f32,
            beta_2: spec.beta_2 as f32,
            kept: (1.0 - rate * spec.weight_decay) as f32,
            rate: (rate / (1.0 - spec.beta_1.powf(step))) as f32,
            correction: (1.0 / (1.0 - spec.beta_2.powf(step)).sqrt()) as f32,
            epsilon: spec.epsilon as f32,
        };
        if !self.moments.contains_key(name) {
            let zeros = || vec![0.0; values.len()];
            self.moments.insert(
                name.to_owned(),
                Moments {
                    mean: zeros(),
                    square: zeros(),
                },
            );
        }
        let Some(Moments { mean, square }) = self.moments.get_mut(name) else {
            return values.to_vec();
        };
        // All lengths are the parameter's; were one not, the parameter would stay as it is.
        adamw(&factors, values, gradient, mean, square).unwrap_or_else(|_| values.to_vec())
    }

    fn state(&self) -> OptimizerState {
        let mut state = OptimizerState {
            step: self.step,
            ..OptimizerState::default()
        };
        let slot = |values: fn(&Moments) -> &Vec<f32>| {
            self.moments
                .iter()
                .map(|(name, moments)| (name.clone(), values(moments).clone()))
                .collect()
        };
        state.add("mean", &slot(|moments| &moments.mean));
        state.add("square", &slot(|moments| &moments.square));
        state
    }
}
