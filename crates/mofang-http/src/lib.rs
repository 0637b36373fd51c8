//! The HTTP interface: REST, OpenAPI and the one mapping from errors to status codes.
