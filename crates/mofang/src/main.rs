//! Mofang: a self-hosted model-as-a-service platform.

fn main() {}
