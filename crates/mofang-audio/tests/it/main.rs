//! Decoding of whole files, golden numbers, and measurements on real recordings.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "sounds of tests are short, and samples are f32"
)]

mod chirp;
mod files;
mod golden;
mod real_recordings;
