//! What a forward pass is for.

/// What a forward pass is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pass {
    /// Answers: running statistics, no dropout.
    Evaluation,
    /// A training step: statistics of the batch, dropout by this seed.
    Training {
        /// The seed of the step.
        step_seed: u64,
    },
}
