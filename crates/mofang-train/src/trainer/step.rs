//! One step: forward, loss, backward, clipping, update.

use std::collections::BTreeMap;

use mofang_data::Batch;
use mofang_kernels::optimizer::sum_of_squares;
use mofang_nn::{Network, NnError, step_seed, tensor_from_burn, tensor_to_burn};
use mofang_types::Tensor;

use crate::loss::{BatchLoss, Loss};
use crate::optimizer::{Optimizer, StepSettings};

/// The numbers that a step goes by.
#[derive(Debug, Clone)]
pub(super) struct StepInput {
    pub(super) seed: u64,
    /// Steps done before it.
    pub(super) step: u64,
    pub(super) learning_rate: f64,
    pub(super) clip_norm: Option<f64>,
    pub(super) loss: Loss,
}

/// What came of a step.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, which is taken apart at once"
)]
pub(super) enum StepResult {
    /// The network has changed.
    Done {
        network: Network,
        loss: BatchLoss,
        gradient_norm: f64,
    },
    /// This number is NaN or infinite, and nothing was changed.
    NotFinite(&'static str),
}

/// Takes a step; `rate_factors` multiply the learning rate of single parameters.
pub(super) fn take(
    network: Network,
    optimizer: &mut dyn Optimizer,
    batch: Batch,
    input: StepInput,
    rate_factors: &BTreeMap<String, f64>,
) -> Result<StepResult, NnError> {
    let Some(device) = network.device() else {
        return Err(NnError::InvalidSpec(
            "it has no parameters to train".to_owned(),
        ));
    };
    let inputs = network.input(batch.inputs, &device)?;
    let seed = step_seed(input.seed, input.step);
    let logits = if matches!(input.loss, Loss::NextToken { .. }) {
        network.forward_train_steps(&inputs, seed)?
    } else {
        network.forward_train(inputs, seed)
    };
    let [rows, outputs] = logits.dims();
    let values = tensor_from_burn(logits.clone().without_autodiff())?;
    let mut loss = input.loss.of(values.data(), &batch.targets, outputs);
    if !loss.loss.is_finite() {
        return Ok(StepResult::NotFinite("the loss"));
    }
    // The derivative of Σ outputs · g by the outputs is g: autodiff goes on from the gradient that
    // the loss has computed, and the loss itself never has to be a tensor.
    let slope = Tensor::new(vec![rows, outputs], std::mem::take(&mut loss.gradient))?;
    let slope = tensor_to_burn::<2>(slope, &device)?;
    let gradients = network.gradient_set(&(logits * slope).sum().backward())?;
    // In double precision and in the order of names, so that it is the same on every run.
    let squares: f64 = gradients
        .iter()
        .map(|(_, gradient)| sum_of_squares(gradient))
        .sum();
    let gradient_norm = squares.sqrt();
    if !gradient_norm.is_finite() {
        return Ok(StepResult::NotFinite("the gradient"));
    }
    let gradient_factor = match input.clip_norm {
        Some(limit) if gradient_norm > limit => limit / gradient_norm,
        Some(_) | None => 1.0,
    };
    optimizer.begin(StepSettings {
        learning_rate: input.learning_rate,
        gradient_factor,
    });
    let network = network.map_values(&mut |info, values| {
        let gradient = gradients.get(&info.name)?;
        let factor = rate_factors.get(&info.name).copied().unwrap_or(1.0);
        Some(optimizer.update(&info.name, values, gradient, factor))
    })?;
    gradients.recycle();
    Ok(StepResult::Done {
        network,
        loss,
        gradient_norm,
    })
}
