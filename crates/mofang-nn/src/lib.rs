//! Neural network architectures and their weights.
