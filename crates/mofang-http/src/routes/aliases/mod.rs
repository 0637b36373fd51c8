//! Aliases: names that move between versions.

pub(crate) mod delete;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod rollback;
pub(crate) mod set;
mod view;

pub use self::view::{AliasMoveView, AliasView};
