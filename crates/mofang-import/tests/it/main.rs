//! Files of PyTorch become packages that answer as PyTorch does.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod files;
mod onnx;
mod options;
mod published;
mod support;
mod transformers;
