//! Operations with kernels of our own on the processor, and burn's everywhere else.
//!
//! Each function here is the same formula twice: by `mofang-kernels`, where the tensors are `f32` on
//! burn's `flex` backend, with or without autodiff; and by burn's own operations on any other device, for
//! any shape that a kernel does not take, and while [`Kernels::Off`] holds. The second is the
//! reference of the first.
//!
//! burn offers `backend_extension` for this, which writes an operation's dispatch but panics on a backend
//! that it does not list. [`native`] takes the primitive out of the tensor instead, which falls back.

mod add;
mod attention;
mod batch_norm2d;
mod conv2d;
mod embedding;
mod fork;
mod layer_norm;
mod linear;
mod native;
mod nonlinearity;
mod pooling;
mod recurrent;
mod rope;
#[cfg(test)]
mod sequence_tests;
mod subsample;
#[cfg(test)]
mod tests;

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use add::{activate, add};
pub(crate) use attention::{Heads, attention};
pub(crate) use batch_norm2d::{BatchNorm, batch_norm2d, batch_norm2d_train};
pub(crate) use conv2d::{Prepared, Weights, conv2d, conv2d_normalized};
pub(crate) use embedding::embedding;
pub(crate) use fork::{around, can_fork};
pub(crate) use layer_norm::{layer_norm, rms_norm};
pub(crate) use linear::{linear, linear_nonlinear};
pub(crate) use mofang_kernels::geometry::AttentionShape;
pub(crate) use mofang_kernels::{Activation, Nonlinearity};
pub(crate) use native::{Held, give_back};
pub(crate) use nonlinearity::{gated, swiglu};
pub(crate) use pooling::{adaptive_avg_pool2d, avg_pool2d, max_pool2d};
pub(crate) use recurrent::{RecurrentKind, RecurrentWeights, recurrent};
pub(crate) use rope::{Angles, rotate};
pub(crate) use subsample::subsample;

static OFF: AtomicBool = AtomicBool::new(false);

/// Whether a process uses the kernels where it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kernels {
    /// It does.
    #[default]
    On,
    /// It computes by burn's operations alone, to find out whether a difference comes from the kernels.
    /// Networks give the same numbers either way, but for rounding.
    Off,
}

impl Kernels {
    /// Sets it for the whole process, which begins with [`Kernels::On`].
    pub fn set(self) {
        OFF.store(self == Self::Off, Ordering::Relaxed);
    }

    /// What holds now.
    pub fn current() -> Self {
        if OFF.load(Ordering::Relaxed) {
            Self::Off
        } else {
            Self::On
        }
    }
}

impl FromStr for Kernels {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err("there are on and off"),
        }
    }
}

/// The padding of both sides of each axis, where it is the same.
fn symmetric(padding: [(usize, usize); 2]) -> Option<[usize; 2]> {
    padding
        .iter()
        .all(|(before, behind)| before == behind)
        .then(|| padding.map(|(before, _)| before))
}
