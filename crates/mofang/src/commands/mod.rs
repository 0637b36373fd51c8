//! The commands, one file each: arguments above, what is done with them below.

pub(crate) mod config;
pub(crate) mod datasets;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod generate;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod predict;
pub(crate) mod quickstart;
pub(crate) mod runs;
pub(crate) mod serve;
pub(crate) mod train;
pub(crate) mod users;
