//! The golden numbers by burn's own operations: a binary of its own, because the switch is the process's.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[path = "../it/golden.rs"]
mod golden;

/// How near golden numbers have to be.
const TOLERANCE: f64 = 1e-4;

/// How near golden gradients have to be.
fn gradient_tolerance(_architecture: &str) -> f64 {
    TOLERANCE
}

/// What golden tests compute on.
#[expect(
    clippy::unnecessary_wraps,
    reason = "elsewhere there may be no such device"
)]
fn device() -> Option<burn::tensor::Device> {
    mofang_nn::Kernels::Off.set();
    Some(mofang_nn::cpu_device())
}
