//! The golden numbers by burn's own operations: a binary of its own, because the switch is the process's.

#[path = "../it/golden.rs"]
mod golden;

/// What every golden test begins with.
fn prepare() {
    mofang_nn::Kernels::Off.set();
}
