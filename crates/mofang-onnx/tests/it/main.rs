//! ONNX models, and files that only look like them.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod conformance;
mod hostile;
mod models;
mod refusals;
mod support;
