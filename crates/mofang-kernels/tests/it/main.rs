//! Every operation against its definition in double precision.
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

mod attention;
mod batch_norm2d;
mod conv2d;
mod cross_entropy;
mod ctc;
mod embedding;
mod layer_norm;
mod linear;
mod nonlinearity;
mod optimizer;
mod pointwise;
mod pooling;
mod recurrent;
mod rope;
mod support;

/// What every test begins with; `tests/lower` and `tests/lowest` have others.
fn prepare() {}
