//! Metadata repositories and the SQLite adapter.
