//! The interface from outside: in process through the router, and through a socket where the
//! connection matters.

mod accounts;
mod authorization;
mod bad_input;
mod cookies;
mod documents;
mod evaluate;
mod generate;
mod grpc;
mod grpc_server;
mod headers;
mod import;
mod limits;
mod models;
mod open_inference;
mod open_inference_framing;
mod openai;
mod predict;
mod recordings;
mod scoring;
mod server;
mod speech;
mod texts;
mod usage;
