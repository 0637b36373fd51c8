//! The one mapping from failures to what the protocol says of them over REST.
//!
//! Triton's map where Triton has the failure; where it does not (credentials, quotas, sizes), the
//! status of HTTP, which its clients take for an error all the same.

use axum::http::StatusCode;
use mofang_types::ErrorCode;
use serde_json::json;

use crate::ApiError;
use crate::problem::ProblemKind;

/// The status of each kind of failure.
pub(crate) fn status(kind: ProblemKind) -> StatusCode {
    match kind {
        ProblemKind::Coded(ErrorCode::AlreadyExists | ErrorCode::Conflict) => {
            StatusCode::BAD_REQUEST
        }
        ProblemKind::Coded(ErrorCode::OutOfSpace) => StatusCode::INTERNAL_SERVER_ERROR,
        ProblemKind::Coded(_)
        | ProblemKind::MethodNotAllowed
        | ProblemKind::NotImplemented
        | ProblemKind::RequestTimeout => kind.status(),
    }
}

/// The body that tells it.
pub(crate) fn body(error: &ApiError) -> String {
    json!({ "error": error.detail }).to_string()
}
