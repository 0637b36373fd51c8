//! Models in processes of their own: what they do wrong stays there.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]
#![expect(
    clippy::print_stdout,
    reason = "one test tells a time, and one a process number"
)]

mod failures;
mod models;
mod runs;
