//! Integration tests of the networks.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod determinism;
mod golden;
mod golden_rows;
mod recognition;
mod robustness;

/// What every golden test begins with; `tests/without_kernels` has another.
fn prepare() {}
