//! Whole ensembles.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod ensembles;
