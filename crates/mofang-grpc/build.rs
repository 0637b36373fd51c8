//! Compiles the protocol files in Rust alone: no `protoc` is needed.

use std::error::Error;

const FILES: [&str; 2] = ["proto/health.proto", "proto/inference.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        .build_transport(false)
        // Raw tensors are slices of the message that arrived, not copies of it.
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
