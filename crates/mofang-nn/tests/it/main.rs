//! Integration tests of the networks.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod determinism;
mod golden;
mod recognition;
mod robustness;

/// What every golden test begins with; `tests/without_kernels` has another.
fn prepare() {}
