//! Integration tests of the trainer.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod devices;
mod fine_tuning;
mod golden_metrics;
mod kill;
mod language;
mod recipes;
mod resume;
mod rules;
mod speech;
mod support;
mod tables;
mod texts;
