//! The SQLite adapter: the conformance suite, and what is its own.

mod sqlite;
