//! Accounts.

pub(crate) mod change_password;
pub(crate) mod list;
pub(crate) mod me;
pub(crate) mod register;
pub(crate) mod update;
mod view;

pub use self::view::UserView;
