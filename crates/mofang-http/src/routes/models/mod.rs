//! Models.

pub(crate) mod card;
pub(crate) mod delete;
pub(crate) mod diff;
pub(crate) mod list;
mod view;

pub use self::view::ModelView;
