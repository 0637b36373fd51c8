//! The program as a user runs it: the binary, its streams, its exit codes.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod commands;
mod help;
mod import;
mod onnx;
mod predict;
mod quickstart;
mod recordings;
mod server;
mod support;
mod tables;
mod texts;
mod train;
