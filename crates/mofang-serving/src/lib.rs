//! Prediction: from a reference and an example to an answer.
//!
//! [`Serving`] resolves the reference in memory, takes the version's model from a pool (or loads it,
//! once for all who wait), prepares the example by the package's own transforms, lets it wait in the
//! version's bounded queue until a batch closes, and decodes the row that comes back. It decides
//! what is refused, what is dropped unrun, and what is unloaded; it knows no protocol, no account
//! and no file.
//!
//! A model is anything behind [`ServedModel`]; a place that names and loads models is a
//! [`ModelSource`]. The registry is one; tests and the no-op benchmark bring their own.
//!
//! Threads: every loaded version has one thread of its own, which takes batches from its queue and
//! computes them. Encoded images are decoded on the runtime's blocking threads, a bounded number at
//! once. Texts go on ([`Serving::generate`]) there too, a bounded number at once, and each tells its
//! pieces to whoever reads them. The asynchronous workers never compute.

mod error;
mod evaluation;
mod generation;
mod in_flight;
mod metrics;
mod model;
mod options;
mod places;
mod pool;
mod preparation;
mod queue;
mod serving;
mod settings;
mod source;
#[cfg(test)]
mod testing;

pub use error::{ServingError, SharedError};
pub use evaluation::{EvaluationError, evaluate};
pub use generation::Generation;
pub use metrics::{HistogramSnapshot, ServingMetrics, VersionMetricsSnapshot};
pub use model::ServedModel;
pub use mofang_train::{Evaluation, InferFailure};
pub use options::{
    GenerateOptions, GenerateOutcome, GenerationEvent, InferOutcome, PredictOptions, PredictOutcome,
};
pub use serving::{DrainOutcome, Serving};
pub use settings::ServingSettings;
pub use source::ModelSource;
