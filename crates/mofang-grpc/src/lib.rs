//! Messages and service stubs of the Open Inference Protocol over gRPC, with the extensions of
//! Triton, and of gRPC's health checks; generated from `proto/` at build time.
//!
//! The field numbers are those of the public protocols, so that unchanged clients work. There is no
//! logic here: the crate stands alone so that the generated code is compiled once.
#![expect(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "the code is generated"
)]

/// Package `inference`: the Open Inference Protocol.
pub mod inference {
    tonic::include_proto!("inference");
}

/// Package `grpc.health.v1`: whether a server takes requests.
pub mod health {
    tonic::include_proto!("grpc.health.v1");
}

pub use tonic;
