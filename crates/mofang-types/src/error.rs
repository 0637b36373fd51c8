//! The closed set of error codes. A caller decides by the code; a person reads the message.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of failure an error is, independent of any protocol.
///
/// `mofang-http` maps each code to one status; the command line maps it to one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The caller sent something that can never succeed as it is.
    InvalidInput,
    /// No credentials, or credentials that are not valid (any more).
    Unauthenticated,
    /// Valid credentials without the right to do this.
    Forbidden,
    /// The named thing does not exist.
    NotFound,
    /// A thing of that name exists.
    AlreadyExists,
    /// The request contradicts the present state.
    Conflict,
    /// The body is larger than the server accepts.
    PayloadTooLarge,
    /// The media type is not one that the endpoint reads.
    UnsupportedMediaType,
    /// The caller has used up its own quota; it may come back later.
    TooManyRequests,
    /// The server is full; anybody may come back later.
    Overloaded,
    /// The deadline passed before the answer was there.
    Timeout,
    /// A part that is needed does not work now (a corrupted artifact, a closing server).
    Unavailable,
    /// The disk has no room for what was to be written.
    OutOfSpace,
    /// A defect or an unexpected failure on our side.
    Internal,
}

impl ErrorCode {
    /// The code as it is written in answers and logs, e.g. `not_found`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::TooManyRequests => "too_many_requests",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::OutOfSpace => "out_of_space",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error that says which [`ErrorCode`] it is. Every error type of a library crate implements it.
pub trait Coded: std::error::Error {
    /// The code of this error.
    fn code(&self) -> ErrorCode;

    /// The parameter of the request that is at fault, where it is one alone, e.g. `temperature`.
    fn parameter(&self) -> Option<&'static str> {
        None
    }
}
