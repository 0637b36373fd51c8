//! The program as a user runs it: the binary, its streams, its exit codes.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[path = "../../../mofang-import/tests/it/alphabet.rs"]
mod alphabet;
mod commands;
mod devices;
mod generate;
mod help;
mod import;
mod onnx;
mod predict;
mod quickstart;
mod recordings;
mod server;
mod speech;
mod support;
mod tables;
mod texts;
mod train;
