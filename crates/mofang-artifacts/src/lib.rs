//! Content-addressed, verified artifacts over an object store.
