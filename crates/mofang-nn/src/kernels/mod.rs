//! Operations with kernels of our own on the processor, and burn's everywhere else.
//!
//! Each function here is the same formula twice: by `mofang-kernels`, where the tensors are `f32` on
//! burn's `flex` backend, with or without autodiff; and by burn's own operations on any other device, for
//! any shape that a kernel does not take, and while [`set_enabled`]`(false)` holds. The second is the
//! reference of the first.
//!
//! burn offers `backend_extension` for this, which writes an operation's dispatch but panics on a backend
//! that it does not list. [`native`] takes the primitive out of the tensor instead, which falls back.

mod add;
mod batch_norm2d;
mod conv2d;
mod linear;
mod native;
mod pooling;
mod subsample;

use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use add::{activate, add};
pub(crate) use batch_norm2d::{BatchNorm, batch_norm2d, batch_norm2d_train};
pub(crate) use conv2d::{Prepared, Weights, conv2d, conv2d_normalized};
pub(crate) use linear::linear;
pub(crate) use mofang_kernels::Activation;
pub(crate) use pooling::{adaptive_avg_pool2d, avg_pool2d, max_pool2d};
pub(crate) use subsample::subsample;

static ENABLED: AtomicBool = AtomicBool::new(true);

/// Switches the kernels of the whole process on or off (they are on), to find out whether a difference
/// comes from them. Networks give the same numbers either way, but for rounding.
pub fn set_enabled(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// Whether the kernels are used where they can be.
pub fn is_enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// The padding of both sides of each axis, where it is the same.
fn symmetric(padding: [(usize, usize); 2]) -> Option<[usize; 2]> {
    padding
        .iter()
        .all(|(before, behind)| before == behind)
        .then(|| padding.map(|(before, _)| before))
}
