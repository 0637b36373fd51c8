//! Every operation against its definition in double precision.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "tests compute in double precision and compare with single precision"
)]

mod batch_norm2d;
mod conv2d;
mod linear;
mod optimizer;
mod pointwise;
mod pooling;
mod support;
