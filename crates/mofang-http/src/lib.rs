//! The HTTP interface: REST, its OpenAPI document, and the one mapping from errors to statuses.
//!
//! [`app`] makes a router over the services, [`serve`] runs it on a listener. Every route is
//! declared once, with the access it needs, in `routes`; the OpenAPI document is made of the same
//! declarations. A handler's error is an [`ApiError`], which only `problem` knows as a status.
//!
//! This crate decides nothing about models or accounts: it translates.
//!
//! # A new route
//! 1. Write `routes/<resource>/<verb>.rs` with a handler under `#[utoipa::path]`.
//! 2. Add it to the list in `routes/mod.rs` with its access.
//! 3. Add its row to `tests/it/authorization.toml`, and accept the OpenAPI snapshot.

mod access;
mod auth;
mod body;
mod call;
mod deadline;
mod error;
mod event_stream;
mod extract;
mod metering;
mod middleware;
mod nested;
mod number;
mod openapi;
mod page;
mod problem;
mod protocols;
mod routes;
mod server;
mod settings;
mod state;
mod text_call;

pub use axum::Router;
pub use error::ApiError;
pub use page::{PageQuery, PageView};
pub use problem::Problem;
pub use routes::{app, grpc_app, metrics_app, view};
pub use server::{PeerAddress, ServeOutcome, ServerSettings, serve, serve_http2};
pub use settings::HttpSettings;
pub use state::{AppState, Services};
