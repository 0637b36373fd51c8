//! The error of a handler: what the caller is told, and the cause that only the log sees.

use std::any::Any;
use std::error::Error;
use std::time::Duration;

use mofang_accounts::AccountError;
use mofang_registry::RegistryError;
use mofang_serving::ServingError;
use mofang_types::{Coded, ErrorCode};

use crate::problem::ProblemKind;

/// Why a request has no answer.
#[derive(Debug)]
pub struct ApiError {
    pub(crate) kind: ProblemKind,
    pub(crate) detail: String,
    /// The parameter of the request that is at fault, for protocols that name it.
    pub(crate) parameter: Option<&'static str>,
    pub(crate) retry_after: Option<Duration>,
    /// For the log, never sent.
    pub(crate) cause: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// An error whose text was written for the caller.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self::of_kind(ProblemKind::Coded(code), detail)
    }

    pub(crate) fn of_kind(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            parameter: None,
            retry_after: None,
            cause: None,
        }
    }

    /// The caller sent something that can never succeed as it is.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidInput, detail)
    }

    /// Clients of a protocol may ask for this, and there is nothing behind it.
    pub(crate) fn not_implemented(detail: impl Into<String>) -> Self {
        Self::of_kind(ProblemKind::NotImplemented, detail)
    }

    /// A defect on our side; `cause` goes to the log only.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: ProblemKind::Coded(ErrorCode::Internal),
            detail: hidden(ErrorCode::Internal).to_owned(),
            parameter: None,
            retry_after: None,
            cause: Some(cause.into()),
        }
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Says which parameter of the request is at fault, unless it is known already.
    #[must_use]
    pub(crate) fn about(mut self, parameter: &'static str) -> Self {
        self.parameter.get_or_insert(parameter);
        self
    }

    /// The same where the fault lies with the input itself, which stands in this parameter.
    #[must_use]
    pub(crate) fn about_the_input(self, parameter: &'static str) -> Self {
        if self.is_about_the_input() {
            self.about(parameter)
        } else {
            self
        }
    }

    /// Its code, as the answer shows it.
    pub fn code(&self) -> &'static str {
        self.kind.as_str()
    }

    /// Whether the fault lies with the input itself, and other inputs may do better.
    pub(crate) fn is_about_the_input(&self) -> bool {
        matches!(
            self.kind,
            ProblemKind::Coded(
                ErrorCode::InvalidInput
                    | ErrorCode::PayloadTooLarge
                    | ErrorCode::UnsupportedMediaType
            )
        )
    }
}

/// What is said in place of a text that was not written for callers.
fn hidden(code: ErrorCode) -> &'static str {
    if code == ErrorCode::OutOfSpace {
        "the server's disk is full; nothing was stored"
    } else if code == ErrorCode::Internal {
        "an unexpected failure on our side; the request id leads to it in the server's log"
    } else {
        "a part of the server does not work now; the server's log says more"
    }
}

impl<E: Coded + Send + Sync + 'static> From<E> for ApiError {
    fn from(error: E) -> Self {
        let code = error.code();
        let any: &dyn Any = &error;
        // The texts of these name models, versions and reasons; those of others may name files.
        let is_for_callers = if code == ErrorCode::Unavailable {
            any.is::<ServingError>() || any.is::<RegistryError>()
        } else {
            !matches!(code, ErrorCode::Internal | ErrorCode::OutOfSpace)
        };
        let retry_after = any
            .downcast_ref::<ServingError>()
            .and_then(ServingError::retry_after)
            .or_else(|| {
                any.downcast_ref::<AccountError>()
                    .and_then(AccountError::retry_after_seconds)
                    .map(Duration::from_secs)
            });
        let parameter = error.parameter();
        Self {
            kind: ProblemKind::Coded(code),
            detail: if is_for_callers {
                error.to_string()
            } else {
                hidden(code).to_owned()
            },
            parameter,
            retry_after,
            cause: (!is_for_callers).then(|| Box::new(error) as Box<dyn Error + Send + Sync>),
        }
    }
}
