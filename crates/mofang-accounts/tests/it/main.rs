//! Accounts over a store in memory.

mod fixture;
mod keys;
mod login;
mod registration;
mod speed;
mod users;
