//! Every operation as in `tests/it`, with the least instructions that this processor has.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests compute in double precision and compare with single precision"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]
#![expect(clippy::float_cmp, reason = "bounds are exact")]
#![expect(
    clippy::many_single_char_names,
    reason = "names are those of the formulas"
)]

#[path = "../it/attention.rs"]
mod attention;
#[path = "../it/batch_norm2d.rs"]
mod batch_norm2d;
#[path = "../it/conv2d.rs"]
mod conv2d;
#[path = "../it/cross_entropy.rs"]
mod cross_entropy;
#[path = "../it/ctc.rs"]
mod ctc;
#[path = "../it/embedding.rs"]
mod embedding;
#[path = "../it/layer_norm.rs"]
mod layer_norm;
#[path = "../it/linear.rs"]
mod linear;
#[path = "../it/nonlinearity.rs"]
mod nonlinearity;
#[path = "../it/optimizer.rs"]
mod optimizer;
#[path = "../it/pointwise.rs"]
mod pointwise;
#[path = "../it/pooling.rs"]
mod pooling;
#[path = "../it/recurrent.rs"]
mod recurrent;
#[path = "../it/rope.rs"]
mod rope;
#[path = "../it/support.rs"]
mod support;

/// What every test begins with.
fn prepare() {
    mofang_kernels::lower_instructions(9);
}
