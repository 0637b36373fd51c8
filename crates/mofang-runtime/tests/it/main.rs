//! The runtimes and the predictor, from outside.

mod predictor;
mod suite;
mod support;
