//! From errors to what a person reads on stderr and what a script reads as exit code.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use mofang_types::{Coded, ErrorCode};

/// An error with its code, so that the exit code survives the way up through `anyhow`.
#[derive(Debug)]
pub(crate) struct Failure {
    code: ErrorCode,
    source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// A failure with a message of its own.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            source: message.into().into(),
        }
    }

    /// Something wrong with what the user wrote.
    pub(crate) fn bad_input(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidInput, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

/// Takes errors of the library crates in, with their code.
pub(crate) trait CodedResult<T> {
    /// Keeps the error's code.
    fn coded(self) -> anyhow::Result<T>;
}

impl<T, E: Coded + Send + Sync + 'static> CodedResult<T> for Result<T, E> {
    fn coded(self) -> anyhow::Result<T> {
        self.map_err(|error| failure(error).into())
    }
}

/// An error of a library crate with its code.
pub(crate) fn failure<E: Coded + Send + Sync + 'static>(error: E) -> Failure {
    Failure {
        code: error.code(),
        source: Box::new(error),
    }
}

/// The code that an error carries.
pub(crate) fn code_of(error: &anyhow::Error) -> ErrorCode {
    error
        .downcast_ref::<Failure>()
        .map_or(ErrorCode::Internal, |failure| failure.code)
}

/// 2 when the user can mend it by asking for something else, 1 otherwise.
pub(crate) fn exit_code(code: ErrorCode) -> ExitCode {
    match code {
        ErrorCode::InvalidInput
        | ErrorCode::NotFound
        | ErrorCode::AlreadyExists
        | ErrorCode::PayloadTooLarge
        | ErrorCode::UnsupportedMediaType => ExitCode::from(2),
        ErrorCode::Unauthenticated
        | ErrorCode::Forbidden
        | ErrorCode::Conflict
        | ErrorCode::TooManyRequests
        | ErrorCode::Overloaded
        | ErrorCode::Timeout
        | ErrorCode::Unavailable
        | ErrorCode::OutOfSpace
        | ErrorCode::Internal => ExitCode::FAILURE,
    }
}

/// The error with its causes on one line; a cause that the line ends with already is not repeated.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_code_survives_contexts() {
        let error =
            anyhow::Error::new(Failure::bad_input("no such thing")).context("failed to look");
        assert_eq!(code_of(&error), ErrorCode::InvalidInput);
        assert_eq!(describe(&error), "failed to look: no such thing");
        assert_eq!(code_of(&anyhow::anyhow!("odd")), ErrorCode::Internal);
    }

    #[test]
    fn a_cause_is_not_said_twice() {
        let io = std::io::Error::other("disk on fire");
        let error = Err::<(), _>(io)
            .context("cannot write: disk on fire")
            .unwrap_err();
        assert_eq!(describe(&error), "cannot write: disk on fire");
    }
}
