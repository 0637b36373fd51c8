//! The test application and builders shared by integration tests.
//!
//! A [`TestApp`] is the whole service in one process: a database in memory, artifacts in a
//! temporary folder, a user of each role, and a small real model with random weights that answers
//! in microseconds. Requests go through the router without a socket ([`TestApp::get`] …), or
//! through one ([`TestApp::listen`]).
//!
//! Use it from `tests/` only: a crate whose unit tests use it would see two versions of itself.

mod app;
mod builder;
mod clock;
mod image;
mod model;
mod recording;
mod request;
mod server;

pub use app::{TestApp, TestUser};
pub use builder::TestAppBuilder;
pub use clock::TestClock;
pub use image::{bomb_png, digit_png};
pub use model::{
    IMAGE_SHAPE, LABELS, TEXT_LABELS, tiny_draft, tiny_embedding_draft, tiny_language_draft,
    tiny_text_draft,
};
pub use recording::{tiny_recording_draft, tiny_speech_draft, tone_wav};
pub use request::{TestRequest, TestResponse};
pub use server::TestServer;
