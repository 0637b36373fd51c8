//! What training makes small.

mod cross_entropy;

pub(crate) use cross_entropy::{BatchLoss, CrossEntropy};
