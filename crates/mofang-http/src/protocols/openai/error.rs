//! The one mapping from failures to what OpenAI's interface says of them. The status is HTTP's own; type and
//! code are OpenAI's where it has them.

use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue};
use mofang_types::ErrorCode;
use serde_json::json;

use crate::ApiError;
use crate::problem::{ProblemKind, whole_seconds};

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// OpenAI's type of each kind of failure.
fn error_type(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Coded(code) => match code {
            ErrorCode::InvalidInput
            | ErrorCode::NotFound
            | ErrorCode::AlreadyExists
            | ErrorCode::Conflict
            | ErrorCode::PayloadTooLarge
            | ErrorCode::UnsupportedMediaType => "invalid_request_error",
            ErrorCode::Unauthenticated => "authentication_error",
            ErrorCode::Forbidden => "permission_error",
            ErrorCode::TooManyRequests => "rate_limit_error",
            ErrorCode::Overloaded
            | ErrorCode::Timeout
            | ErrorCode::Unavailable
            | ErrorCode::OutOfSpace
            | ErrorCode::Internal => "server_error",
        },
        ProblemKind::MethodNotAllowed
        | ProblemKind::NotImplemented
        | ProblemKind::RequestTimeout => "invalid_request_error",
    }
}

/// OpenAI's code where programs know one, and else our own.
fn error_code(error: &ApiError) -> &'static str {
    match error.kind {
        ProblemKind::Coded(ErrorCode::Unauthenticated) => "invalid_api_key",
        ProblemKind::Coded(ErrorCode::TooManyRequests) => "rate_limit_exceeded",
        ProblemKind::Coded(ErrorCode::NotFound) if error.parameter == Some("model") => {
            "model_not_found"
        }
        ProblemKind::Coded(_)
        | ProblemKind::MethodNotAllowed
        | ProblemKind::NotImplemented
        | ProblemKind::RequestTimeout => error.code(),
    }
}

/// The body that tells it.
pub(crate) fn body(error: &ApiError) -> String {
    json!({ "error": {
        "message": error.detail,
        "type": error_type(error.kind),
        "param": error.parameter,
        "code": error_code(error),
    } })
    .to_string()
}

/// The headers by which its clients decide whether to ask again, and when.
pub(crate) fn add_headers(error: &ApiError, headers: &mut HeaderMap) {
    if let Some(after) = error.retry_after {
        let milliseconds = whole_seconds(after).saturating_mul(1000);
        headers.insert(RETRY_AFTER_MS, HeaderValue::from(milliseconds));
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("true"));
    } else if error.kind == ProblemKind::NotImplemented {
        // They would ask again after every status from 500.
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
    }
}
