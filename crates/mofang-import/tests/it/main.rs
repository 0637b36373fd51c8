//! Files of PyTorch become packages that answer as PyTorch does.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod alphabet;
mod files;
mod language_models;
#[path = "../../../mofang-nn/tests/it/llama2c.rs"]
mod llama2c;
mod onnx;
mod options;
mod published;
mod support;
mod transformers;
