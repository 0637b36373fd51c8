//! The golden numbers by burn's own operations: a binary of its own, because the switch is the process's.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[path = "../it/golden.rs"]
mod golden;

/// What every golden test begins with.
fn prepare() {
    mofang_nn::Kernels::Off.set();
}
