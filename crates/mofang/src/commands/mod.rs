//! The commands, one file each: arguments above, what is done with them below.

pub(crate) mod config;
pub(crate) mod datasets;
pub(crate) mod doctor;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod predict;
pub(crate) mod serve;
pub(crate) mod users;
