//! The runtimes and the predictor, from outside.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod predictor;
mod suite;
mod support;
