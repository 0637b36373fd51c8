//! Sessions: logging in, logging out, and seeing where one is logged in.

pub(crate) mod end;
pub(crate) mod list;
pub(crate) mod log_in;
mod view;

pub use self::view::SessionView;
