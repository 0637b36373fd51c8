//! Recipes, the trainer, checkpoints, evaluation and reports.
//!
//! [`train`] runs a [`Recipe`] over a dataset and gives weights, their [`Evaluation`] on the test
//! split and a [`Report`]. A run that is killed at any instant goes on from its newest checkpoint, or, of
//! trees, begins again, to the same bits (TRUST REL-1). This crate knows no registry, user or protocol: whether a run is
//! published is decided above it, by [`GateResult`].
//!
//! # To add a metric
#![doc = include_str!("../../../docs/adding-a-metric.md")]
#![expect(
    clippy::cast_precision_loss,
    reason = "counts of examples and steps are far below 2^52"
)]

mod baseline;
mod bootstrap;
mod checkpoint;
mod early_stopping;
mod error;
mod evaluation;
mod exact;
mod files;
mod gate;
mod judging;
mod loss;
pub mod lr_schedule;
pub mod metrics;
mod metrics_log;
mod mistakes;
mod ngram_baseline;
pub mod optimizer;
pub mod recipe;
mod report;
mod residuals;
mod run_state;
mod stop_reason;
mod text_baseline;
mod trainer;

pub use checkpoint::CheckpointError;
pub use early_stopping::Best;
pub use error::TrainError;
pub use evaluation::{ClassEvaluation, EvaluateSettings, Evaluation, evaluate};
pub use files::FileError;
pub use gate::{Demand, GateCheck, GateResult};
pub use judging::{EvaluateError, InferFailure};
pub use metrics_log::StepRecord;
pub use mistakes::Mistake;
pub use recipe::{DataSection, RECIPE_FORMAT_VERSION, Recipe, RecipeError};
pub use report::Report;
pub use residuals::{NumberError, Residuals};
pub use run_state::EpochRecord;
pub use stop_reason::StopReason;
pub use trainer::{
    EpochProgress, InitialWeights, NoObserver, Resume, RunStatus, TrainObserver, TrainOutcome,
    TrainRequest, TrainStart, train,
};
