//! Files of PyTorch, and files that only look like them.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod files;
mod hostile;
mod reader_cases;
