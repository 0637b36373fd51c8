//! The one mapping from failures to what MLflow's scoring server says of them. The status is HTTP's
//! own; the code is one of MLflow's.

use mofang_types::ErrorCode;
use serde_json::json;

use crate::ApiError;
use crate::problem::ProblemKind;

/// MLflow's code for each kind of failure.
fn error_code(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Coded(code) => match code {
            ErrorCode::InvalidInput
            | ErrorCode::PayloadTooLarge
            | ErrorCode::UnsupportedMediaType => "BAD_REQUEST",
            ErrorCode::Unauthenticated => "UNAUTHENTICATED",
            ErrorCode::Forbidden => "PERMISSION_DENIED",
            ErrorCode::NotFound => "RESOURCE_DOES_NOT_EXIST",
            ErrorCode::AlreadyExists => "RESOURCE_ALREADY_EXISTS",
            ErrorCode::Conflict => "RESOURCE_CONFLICT",
            ErrorCode::TooManyRequests => "REQUEST_LIMIT_EXCEEDED",
            ErrorCode::Overloaded | ErrorCode::Unavailable | ErrorCode::Timeout => {
                "TEMPORARILY_UNAVAILABLE"
            }
            ErrorCode::OutOfSpace | ErrorCode::Internal => "INTERNAL_ERROR",
        },
        ProblemKind::MethodNotAllowed | ProblemKind::RequestTimeout => "BAD_REQUEST",
        ProblemKind::NotImplemented => "NOT_IMPLEMENTED",
    }
}

/// The body that tells it.
pub(crate) fn body(error: &ApiError) -> String {
    json!({ "error_code": error_code(error.kind), "message": error.detail }).to_string()
}
