//! The artifact store over a folder (and, where the feature is on, a bucket), from outside.
#![expect(
    clippy::print_stdout,
    reason = "a seed and a skipped test are said aloud"
)]

#[cfg(feature = "s3")]
mod bucket;
mod damage;
mod disk_full;
mod garbage;
mod package;
mod support;
