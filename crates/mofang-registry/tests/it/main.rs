//! The registry over SQLite and a folder, from outside.
#![expect(clippy::print_stdout, reason = "seeds are said aloud")]

mod aliases;
mod crash;
mod damage;
mod diff;
mod kill;
mod support;
mod versions;
