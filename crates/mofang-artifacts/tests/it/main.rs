//! The artifact store over a folder, from outside.
#![expect(
    clippy::print_stdout,
    reason = "a seed and a skipped test are said aloud"
)]

mod damage;
mod disk_full;
mod garbage;
mod package;
mod support;
