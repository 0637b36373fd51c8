//! The layers of which networks are made.
//!
//! Every layer of an image's network takes and gives `[batch, channels, height, width]`; a vector is an image
//! of one pixel. Those of sequences take and give `[batch, length, features]`. A layer's fields have PyTorch's
//! names, so that a parameter's path is its PyTorch name.

mod batch_norm2d;
mod conv1d;
mod conv2d;
mod dropout;
mod embedding;
mod fire;
mod function;
mod layer;
mod linear;
mod pass;
mod recurrent;
mod residual;
mod sequence;

pub(crate) use batch_norm2d::BatchNorm2d;
pub(crate) use conv1d::Conv1d;
pub(crate) use conv2d::Conv2d;
pub use conv2d::Convolution;
pub(crate) use dropout::Dropout;
pub(crate) use embedding::Embedding;
pub(crate) use fire::Fire;
pub(crate) use function::{Function, Operation, Pooling};
pub(crate) use layer::Layer;
pub(crate) use linear::Linear;
pub(crate) use pass::Pass;
pub(crate) use recurrent::{Direction, Recurrent, RecurrentLayer};
pub(crate) use residual::{Residual, Shortcut};
pub(crate) use sequence::Sequence;

/// `[channels, height, width]` of what goes through the network.
pub(crate) type ImageShape = [usize; 3];

/// The size after a window that reaches over `span` values has gone over `size`, or `None` when it
/// does not fit.
fn windows(size: usize, span: usize, stride: usize, padding: usize) -> Option<usize> {
    let room = padding
        .checked_mul(2)?
        .checked_add(size)?
        .checked_sub(span)?;
    Some(room.checked_div(stride)? + 1)
}
